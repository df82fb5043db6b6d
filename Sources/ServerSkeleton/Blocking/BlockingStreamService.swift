//===----------------------------------------------------------------------===//
// Quartermaster: BlockingStreamService, what a service that may block implements
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A stream service that reads and writes as if it had one client only, and may wait for whatever it likes. For
/// services that cannot be written as a `StreamService`, for instance because a library they use does the talking.
public protocol BlockingStreamService: Service, ~Copyable {
    /// How many clients one process accepts at a time. Default: one; others are served by other processes, up to the
    /// process limit.
    static var clientsAtOnce: ClientsAtOnce { get }

    /// A client connected. A service that speaks first writes its greeting. Default: nothing.
    mutating func clientArrived(_ client: inout BlockingClient)

    /// A client has sent something: read it, and answer. Returning keeps the connection for its next request;
    /// `client.disconnect()` ends it.
    mutating func serve(_ client: inout BlockingClient)

    /// A client is about to be disconnected, for whatever reason. Default: nothing.
    mutating func clientLeft(_ id: ClientID)
}

/// How many clients one process of a blocking service accepts at a time.
public enum ClientsAtOnce: Sendable {
    /// One, which is served until it leaves; the process is busy meanwhile. One that is silent for `ipc_timeout` is
    /// disconnected.
    case one
    /// As many as come: for clients that stay connected and ask seldom. Whichever sent something is served until the
    /// handler returns, and all others of the process wait meanwhile.
    case many
}

extension BlockingStreamService where Self: ~Copyable {
    public static var clientsAtOnce: ClientsAtOnce { .one }
    public mutating func clientArrived(_ client: inout BlockingClient) {}
    public mutating func clientLeft(_ id: ClientID) {}
}
