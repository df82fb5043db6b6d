//===----------------------------------------------------------------------===//
// Quartermaster: the connections that come, as a sequence
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Clients as they connect. It ends when the process is to end; those who are connected are served to their end.
///
/// One task takes from it. A connection that was taken is begun with `AsyncConnection.start`, or is served in place and
/// then closed; one that is let go without either stays open until the client leaves.
public final class AsyncConnections: AsyncSequence, @unchecked Sendable {
    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        fileprivate let connections: AsyncConnections

        public func next() async -> AsyncConnection? { await connections.next() }

        public func next(isolation actor: isolated (any Actor)?) async -> AsyncConnection? { await connections.next() }
    }

    // Of the loop's own thread.
    private var waiting = Ring<AsyncConnection>(capacity: 64)
    private var taker: WaitID?
    private(set) var hasEnded = false
    /// Nobody takes any more.
    private(set) var isClosed = false

    init() {}

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(connections: self) }

    /// The next one, waiting for it; nil at the end, and when the task is cancelled.
    @LoopActor public func next() async -> AsyncConnection? {
        while true {
            if let connection = waiting.popFirst() { return connection }
            if hasEnded { return nil }
            precondition(taker == nil, "two tasks take connections")
            let wait = LoopExecutor.shared.waits.begin(until: nil)
            taker = wait
            let why = await Waits.suspend(wait)
            taker = nil
            if why == .cancelled { return nil }
        }
    }

    // MARK: for the loop

    func append(_ connection: AsyncConnection) {
        waiting.append(connection)
        wake()
    }

    func finish() {
        hasEnded = true
        wake()
    }

    /// Nobody takes any more: those that were not taken are closed.
    @LoopActor func closeRest() {
        (hasEnded, isClosed) = (true, true)
        while let connection = waiting.popFirst() { connection.close() }
    }

    private func wake() {
        if let taker { LoopExecutor.shared.waits.wake(taker, .ready) }
    }
}
