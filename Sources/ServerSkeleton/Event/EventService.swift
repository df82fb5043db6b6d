//===----------------------------------------------------------------------===//
// Quartermaster: services with a handle on their process's loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A service that has more to wait for than requests: one process serves many clients at once, answers them now or
/// later, and has timers, descriptors and outgoing connections of its own. Every handler gets the handle, through which
/// all of this is done.
///
/// Handlers are called one at a time, on the one thread of the process, and must not block. What a handler does through
/// the handle never calls another handler in its middle: those that follow from it are called after it has returned.
///
/// In the steady state nothing is allocated. A connection costs what it has pending and no more.
public protocol EventService: Service, ~Copyable {
    /// What is remembered of each connection, a client's or one of the service's own: `handle[client]`. Always write
    /// `typealias ClientState = …`, with `Void` for nothing: without it the compiler does not find out what `Handle`
    /// is.
    associatedtype ClientState = Void

    /// Bytes of the longest request; at least 1. A connection that sends so many without completing a request is ended
    /// with a warning. Default: 4096. As many, and 4096 more, but at least 16 KB, are read at once.
    static var maximumRequestSize: Int { get }

    /// Bytes of the longest reply that is appended in one go with `handle[to: client]`. Default: 4096.
    static var maximumReplySize: Int { get }

    /// Bytes that may wait for one connection to take them, beyond what the kernel holds; see `EventHandle.send`.
    /// Default: 64 KB.
    static var maximumPendingOutput: Int { get }

    /// Whether a connection is heard while output waits for it. Default: false, right for requests and replies: who
    /// does not take its replies asks no more. True for what flows in both directions, such as a relay.
    static var hearsWhileOutputWaits: Bool { get }

    /// Whether each piece of input that is dealt with is a request: it is counted, for `masterctl top` and its like,
    /// and `master` hears that the process is busy. Default: true. False for what flows and consists of no requests:
    /// there, `EventHandle.countRequest` says what is one.
    static var countsInputAsRequests: Bool { get }

    /// Whether the service looks at what the sender of a passed connection says about it. Default: false.
    static var usesPassAttributes: Bool { get }

    /// Whether a client that sends nothing for `ServiceContext.clientTimeout` is disconnected even though it owes
    /// nothing. Default: false.
    static var limitsSilence: Bool { get }

    // MARK: the process

    /// The loop is there, and nothing has happened yet: the place to make timers and connections. Default: nothing.
    mutating func started(_ handle: inout EventHandle<ClientState>)

    /// Everything that this turn brought is dealt with, and the process is about to wait. Default: nothing.
    mutating func turnEnded(_ handle: inout EventHandle<ClientState>)

    /// The process is to end, for the reason given: says whether at once, which cuts off who is connected, or how long
    /// it has to finish. From here on it accepts nobody. Default: at once when it is told to end by SIGTERM, else a
    /// minute for the clients that are connected.
    ///
    /// With time to finish, and a master that would wait for this process before it starts another, the process first
    /// makes itself independent of it (`EventHandle.drain`).
    mutating func willLeave(_ reason: LeaveReason, _ handle: inout EventHandle<ClientState>) -> LeaveDecision

    // MARK: connections

    /// A client connected. A service that speaks first sends its greeting.
    mutating func clientArrived(_ client: Client, _ handle: inout EventHandle<ClientState>) -> ClientState

    /// Bytes came in: at least one, and what is left of earlier calls comes first. May hold a part of a request, or
    /// several.
    ///
    /// - Returns: how many bytes at the front are dealt with. 0: the request is not complete; call again when there is
    ///   more. After any other number the handler is called again for the rest, if there is one, unless reading is
    ///   paused.
    mutating func received(
        _ input: RawSpan,
        from client: ClientID,
        _ handle: inout EventHandle<ClientState>
    ) -> Int

    /// The peer will send nothing more, but may still take what is sent to it. What it had sent is dealt with but for
    /// the beginning of a request. Default: disconnects once all is sent.
    mutating func inputEnded(_ client: ClientID, _ handle: inout EventHandle<ClientState>)

    /// Everything that had to wait for this connection to take it is with the kernel: there is room for as much again.
    /// Default: nothing.
    mutating func hasRoom(_ client: ClientID, _ handle: inout EventHandle<ClientState>)

    /// The connection is over, for the reason given; nothing more can be sent. Default: nothing.
    mutating func clientLeft(
        _ client: ClientID,
        _ state: consuming ClientState,
        _ reason: Departure,
        _ handle: inout EventHandle<ClientState>
    )

    /// An outgoing connection is there: what was sent to it meanwhile goes out. Default: nothing.
    mutating func connected(_ connection: ClientID, _ handle: inout EventHandle<ClientState>)

    /// An outgoing connection did not come about; `clientLeft` is not called. Default: nothing.
    mutating func connectFailed(
        _ connection: ClientID,
        _ state: consuming ClientState,
        _ failure: ConnectFailure,
        _ handle: inout EventHandle<ClientState>
    )

    // MARK: what is its own

    /// A timer rang. One that repeats is running again already. Default: nothing.
    mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<ClientState>)

    /// A descriptor of the service's own has something to read, or room to write. Said again each turn until that has
    /// changed, or it is paused. Default: nothing.
    mutating func descriptorReady(_ watch: DescriptorWatch, _ handle: inout EventHandle<ClientState>)
}

extension EventService where Self: ~Copyable {
    @inlinable public static var maximumRequestSize: Int { 4096 }
    @inlinable public static var maximumReplySize: Int { 4096 }
    @inlinable public static var maximumPendingOutput: Int { 64 * 1024 }
    @inlinable public static var hearsWhileOutputWaits: Bool { false }
    @inlinable public static var countsInputAsRequests: Bool { true }
    @inlinable public static var usesPassAttributes: Bool { false }
    @inlinable public static var limitsSilence: Bool { false }

    @inlinable public mutating func started(_ handle: inout EventHandle<ClientState>) {}
    @inlinable public mutating func turnEnded(_ handle: inout EventHandle<ClientState>) {}
    @inlinable public mutating func willLeave(
        _ reason: LeaveReason,
        _ handle: inout EventHandle<ClientState>
    ) -> LeaveDecision {
        reason == .terminated ? .atOnce : .whenClientsHaveLeft(withinSeconds: 60)
    }
    @inlinable public mutating func inputEnded(_ client: ClientID, _ handle: inout EventHandle<ClientState>) {
        handle.disconnectWhenSent(client)
    }
    @inlinable public mutating func hasRoom(_ client: ClientID, _ handle: inout EventHandle<ClientState>) {}
    @inlinable public mutating func clientLeft(
        _ client: ClientID,
        _ state: consuming ClientState,
        _ reason: Departure,
        _ handle: inout EventHandle<ClientState>
    ) {}
    @inlinable public mutating func connected(_ connection: ClientID, _ handle: inout EventHandle<ClientState>) {}
    @inlinable public mutating func connectFailed(
        _ connection: ClientID,
        _ state: consuming ClientState,
        _ failure: ConnectFailure,
        _ handle: inout EventHandle<ClientState>
    ) {}
    @inlinable public mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<ClientState>) {}
    @inlinable public mutating func descriptorReady(
        _ watch: DescriptorWatch,
        _ handle: inout EventHandle<ClientState>
    ) {}
}

extension EventService where Self: ~Copyable {
    /// What every handler of this service gets; see `ClientState`.
    public typealias Handle = EventHandle<ClientState>
}

extension EventService where Self: ~Copyable, ClientState == Void {
    @inlinable public mutating func clientArrived(_ client: Client, _ handle: inout EventHandle<Void>) {}
}

/// Why a process is to end.
public enum LeaveReason: Equatable, Sendable {
    /// `master` is gone.
    case masterGone
    /// `master` lives, and has fresh processes serve who comes from now on: it was reloaded, or told to.
    case replaced
    /// Somebody sent SIGTERM. A second one ends the process whatever was decided; so does `master`, with SIGKILL, five
    /// seconds after the first one, when the service was removed.
    case terminated
    /// No client for `max_idle` seconds.
    case idle
    /// `max_use` clients were served, and none is connected.
    case usedUp
    /// It has lived for its time (`-r`), or `willAccept` wants a fresh process.
    case retired
}

/// What a process does that is to end.
public enum LeaveDecision: Equatable, Sendable {
    /// Cuts off who is connected.
    case atOnce
    /// Serves the clients that are connected, until the last one has left.
    case whenClientsHaveLeft(withinSeconds: Int)
    /// Goes on until `EventHandle.leave()`, with or without clients.
    case whenTold(withinSeconds: Int)
}

/// Why a connection is over.
public enum Departure: Equatable, Sendable {
    /// Both directions have ended, or the service disconnected it.
    case ended
    /// The peer is gone, or the network.
    case lost(ServiceError)
    /// It kept the service waiting for `ServiceContext.clientTimeout`.
    case timedOut
    /// A request exceeded `maximumRequestSize`, or a reply the room there was.
    case overrun
}

/// Why an outgoing connection did not come about.
public enum ConnectFailure: Equatable, Sendable {
    /// The deadline has passed.
    case timedOut
    /// Nobody listens there, or a file or route is missing; or memory was short.
    case refused(ServiceError)
}
