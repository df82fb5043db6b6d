//===----------------------------------------------------------------------===//
// Quartermaster: services that talk to many clients on connections
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A service whose clients connect, send requests and get replies; one process serves many of them at once, without
/// ever waiting for one of them.
///
/// Handlers get bytes where they were received and append replies where they are sent from: nothing is copied, and in
/// the steady state nothing is allocated. They must not block; a service that has to is a `BlockingStreamService`.
public protocol StreamService: Service, ~Copyable {
    /// What the service remembers of a connected client. Default: nothing.
    associatedtype ClientState = Void

    /// Bytes of the longest request; at least 1. A client that sends so many without completing a request is
    /// disconnected with a warning. Default: 4096.
    static var maximumRequestSize: Int { get }

    /// Bytes of the longest reply to one call of `received` or `clientArrived`. Default: that of the receive buffer, so
    /// that a service can send back what it got.
    static var maximumReplySize: Int { get }

    /// Whether the service looks at what the sender of a passed connection says about it. Default: false.
    static var usesPassAttributes: Bool { get }

    /// Whether a client that asks nothing for `ServiceContext.clientTimeout` is disconnected, even though it owes
    /// nothing. Default: false, so that a client may stay for as long as it likes.
    static var limitsSilence: Bool { get }

    /// A client connected. A service that speaks first appends its greeting.
    mutating func clientArrived(_ client: Client, reply: inout Reply) -> ClientState

    /// Bytes from a client: at least one, and what is left of earlier calls comes first. May hold a part of a request,
    /// or several.
    ///
    /// - Returns: how many bytes at the front are dealt with. 0: the request is not complete; call again when there is
    ///   more. After any other number the handler is called again for the rest, if there is one.
    mutating func received(_ input: RawSpan, from client: inout ClientState, reply: inout Reply) -> Int

    /// A client is about to be disconnected, for whatever reason. Default: nothing.
    mutating func clientLeft(_ client: consuming ClientState)
}

extension StreamService where Self: ~Copyable {
    @inlinable public static var maximumRequestSize: Int { 4096 }
    @inlinable public static var maximumReplySize: Int {
        StreamBuffers.receiveSize(maximumRequestSize: maximumRequestSize)
    }
    public static var usesPassAttributes: Bool { false }
    public static var limitsSilence: Bool { false }
    @inlinable public mutating func clientLeft(_ client: consuming ClientState) {}
}

extension StreamService where Self: ~Copyable, ClientState == Void {
    @inlinable public mutating func clientArrived(_ client: Client, reply: inout Reply) {}
}

/// Sizes of the two buffers that all connections of a process share, and other limits.
@usableFromInline enum StreamBuffers {
    /// Clients accepted in one turn at most, so that those who are connected get their turn, too.
    static let clientsAtOnce = 64
    /// A read takes so much at once, or more for a service with longer requests.
    @usableFromInline static let smallest = 16 * 1024

    @usableFromInline static func receiveSize(maximumRequestSize: Int) -> Int {
        max(smallest, maximumRequestSize + 4096)
    }
}
