//===----------------------------------------------------------------------===//
// Quartermaster: connections of a service's own
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import ServerSkeleton

extension AsyncConnection {
    /// Connects to `address`. The connection is the caller's, who closes it (`close`), or hands it to a task that does
    /// (`start`); `withConnection` does it by itself.
    ///
    /// - Parameter limit: how long it may take to connect.
    /// - Throws: `ConnectionError`: nobody listens there, or the time is over.
    @LoopActor public static func connect(
        to address: NetworkAddress,
        within limit: Duration
    ) async throws -> AsyncConnection {
        let connection = AsyncConnection(ClientID(number: 0), isClient: false)
        try TaskLoop.shared.connect(connection, to: address, within: limit)
        let wait = LoopExecutor.shared.waits.begin(until: nil)
        connection.connecting = wait
        let why = await Waits.suspend(wait)
        // Until the end of this, `close` knows that it is not there yet.
        defer { connection.connecting = nil }
        if let end = connection.end { throw end }
        if why == .cancelled {
            connection.close()
            throw CancellationError()
        }
        return connection
    }
}

/// Connects to `address`, runs `body` with the connection, and closes it however `body` ends.
@LoopActor public func withConnection<Value>(
    to address: NetworkAddress,
    within limit: Duration,
    _ body: @LoopActor (AsyncConnection) async throws -> Value
) async throws -> Value {
    let connection = try await AsyncConnection.connect(to: address, within: limit)
    defer { connection.close() }
    return try await body(connection)
}
