//===----------------------------------------------------------------------===//
// Quartermaster: why a wait for a connection is in vain
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import ServerSkeleton

/// Why something did not come of reading from a connection or writing to it. A handler may let it pass: its connection
/// is closed, and nothing is logged.
///
/// A task that is cancelled while it waits gets a `CancellationError` instead.
public enum ConnectionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The peer is gone, or the network.
    case lost(ServiceError)
    /// It kept us waiting for longer than `within:`, or did not take its replies for `ipc_timeout`.
    case timedOut
    /// A line, or whatever is parsed, is longer than `AsyncService.maximumRequestSize`.
    case tooLong
    /// The connection was closed on our side.
    case closed
    /// Nobody listens at the address, or it cannot be reached.
    case refused(ServiceError)

    public var description: String {
        switch self {
        case .lost(let error): "connection lost: \(error.reason)"
        case .timedOut: "timeout"
        case .tooLong: "request too long"
        case .closed: "connection closed"
        case .refused(let error): "cannot connect: \(error.reason)"
        }
    }
}
