//===----------------------------------------------------------------------===//
// Quartermaster: what an event service does with its connections
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What an event service has in hand: its connections, timers and descriptors, and the life of its process. Names of
/// connections, timers and watches that are over may be used without harm, and nothing happens. But `handle[client]`
/// traps where there is no such connection, and of a client that is just arriving.
public struct EventHandle<State>: ~Copyable {
    // First, so that its place does not depend on what a service remembers.
    @usableFromInline var core: EventCore
    /// What the service remembers, by the place of the connection.
    @usableFromInline var states: [State?] = []
    @usableFromInline let replySize: Int

    @usableFromInline init(_ core: consuming EventCore, replySize: Int) {
        self.core = core
        self.replySize = replySize
    }

    // All of it mutates: what does not is handed a copy of the whole handle when it is called from another module.

    /// When the present turn began.
    public var time: ServiceTime { mutating get { core.time } }

    /// What time it is in a test, which moves the clock; nil in a process that serves.
    package var stillNanoseconds: Int64? { mutating get { core.stillNanoseconds } }

    /// Serving one client on stdin and stdout, without master (`-S`).
    public var isOneShot: Bool { mutating get { core.isOneShot } }

    // MARK: who is connected

    /// Clients that are connected; connections of the service's own do not count.
    public var clientCount: Int { mutating get { core.clientCount } }

    public mutating func isConnected(_ client: ClientID) -> Bool { core.isConnected(client) }

    /// The client that stands behind `client` in the table, nil for the first one; nil at the end. The way to reach all
    /// of them:
    ///
    ///     var next = handle.client(after: nil)
    ///     while let client = next {
    ///         handle[to: client].append("hello\n")
    ///         next = handle.client(after: client)
    ///     }
    public mutating func client(after client: ClientID?) -> ClientID? { core.client(after: client) }

    /// The address of the peer, such as `192.0.2.1`; nil on a UNIX socket. A system call.
    public mutating func peerAddress(of client: ClientID) -> String? { core.peerAddress(client) }

    /// Lends the addresses of a connection to `body`, as the kernel gives them: bytes of two `sockaddr`, none at all
    /// for one that is over or has none. Two system calls.
    package mutating func withAddresses<Result>(
        of client: ClientID,
        _ body: (_ peer: RawSpan, _ own: RawSpan) -> Result
    ) -> Result {
        core.withAddresses(of: client, body)
    }

    /// What the service remembers of a connection, until `clientLeft` or `connectFailed` gets it; after that it traps.
    /// A connection that is over for `isConnected`, and whose end the service has not been told of yet, has it still.
    @inlinable public subscript(client: ClientID) -> State {
        mutating get {
            guard core.contains(client), let state = states[client.place] else {
                preconditionFailure("the state of a connection that has left")
            }
            return state
        }
        _modify {
            guard core.contains(client) else { preconditionFailure("the state of a connection that has left") }
            yield &states[client.place]!
        }
    }

    /// Accepts nobody until `resumeAccepting`: who comes is left to other processes of the service, or waits in the
    /// kernel's queue. For a service that has a limit of its own.
    public mutating func pauseAccepting() { core.pauseAccepting() }

    public mutating func resumeAccepting() { core.resumeAccepting() }

    // MARK: sending

    /// The output of a connection, for replies that are put together from parts. It is sent when the handler has
    /// returned, or earlier; with one write for everything that was appended in a row for the same connection.
    ///
    ///     handle[to: client].append("status=")
    ///     handle[to: client].append(decimal: 0)
    ///
    /// There is room for `maximumReplySize` bytes at each access. A connection that has no room for the whole because
    /// more than `maximumPendingOutput` waits for it already is ended with a warning; a service that pushes what nobody
    /// asked for looks at `room(of:)` before, or uses `send`.
    @inlinable public subscript(to client: ClientID) -> Reply {
        mutating _read {
            core.uncork(for: client, room: replySize)
            yield core.cork
        }
        _modify {
            core.uncork(for: client, room: replySize)
            yield &core.cork
        }
    }

    /// Sends a copy of `bytes`, as a whole or not at all. While nothing waits for the connection, any size is taken.
    public mutating func send(_ bytes: RawSpan, to client: ClientID) -> Sending { core.send(bytes, to: client) }

    /// Sends as many bytes at the front as there is room for.
    ///
    /// - Returns: how many; fewer than there are: `hasRoom` is called when there is room again. 0 for a connection that
    ///   is over.
    public mutating func sendPart(_ bytes: RawSpan, to client: ClientID) -> Int { core.sendPart(bytes, to: client) }

    /// Bytes that the connection has room for now; 0 for one that is over.
    public mutating func room(of client: ClientID) -> Int { core.room(of: client) }

    /// Bytes that wait for the connection to take them, beyond what the kernel holds.
    public mutating func pendingOutput(of client: ClientID) -> Int { core.pendingOutput(of: client) }

    /// Ends our direction once everything is sent: the peer reads an end of file, and may go on sending.
    public mutating func finishOutput(_ client: ClientID) { core.finishOutput(client) }

    /// Counts a request; see `EventService.countsInputAsRequests`.
    public mutating func countRequest() {
        core.beginRequests()
        core.count(requests: 1)
    }

    // MARK: hearing

    /// Hears nothing from this connection until `resumeReading`: the kernel's buffers fill up, and the peer waits.
    public mutating func pauseReading(_ client: ClientID) { core.pauseReading(client) }

    /// Hears it again. What was received and not dealt with comes first.
    public mutating func resumeReading(_ client: ClientID) { core.resumeReading(client) }

    // MARK: the end of a connection

    /// Ends the connection; what waits to be sent is dropped. `clientLeft` is called when this handler has returned.
    public mutating func disconnect(_ client: ClientID) { core.disconnect(client) }

    /// Ends the connection once everything is sent; until then nothing is heard of it.
    public mutating func disconnectWhenSent(_ client: ClientID) { core.disconnectWhenSent(client) }

    /// Ends the connection as one that has failed: what waits to be sent is dropped, and the peer of a TCP connection
    /// gets a reset, so that it does not take what it has for the whole.
    public mutating func reset(_ client: ClientID) { core.reset(client) }

    // MARK: connections of one's own

    /// Connects to `address`, without waiting; `connected` or `connectFailed` tells what came of it. From here on it is
    /// like a client's connection: what is sent before it is there waits. It does not count for `max_use` and
    /// `max_idle`, and does not keep a process going that is to end.
    ///
    /// - Parameter milliseconds: how long it may take to connect.
    /// - Throws: descriptors or memory are short, or the address is not possible here; nothing is begun.
    public mutating func connect(
        to address: NetworkAddress,
        within milliseconds: Int64,
        state: State
    ) throws(ServiceError) -> ClientID {
        let id = try core.connect(to: address, within: milliseconds)
        remember(state, of: id)
        return id
    }

    @usableFromInline mutating func remember(_ state: consuming State, of id: ClientID) {
        while states.count <= id.place { states.append(nil) }
        states[id.place] = .some(state)
    }
}

extension EventHandle where State == Void {
    /// The same for a service that remembers nothing.
    public mutating func connect(
        to address: NetworkAddress,
        within milliseconds: Int64
    ) throws(ServiceError) -> ClientID {
        try connect(to: address, within: milliseconds, state: ())
    }
}

/// What became of bytes that were to be sent.
public enum Sending: Equatable, Sendable {
    /// They are with the kernel, or will be when this handler has returned.
    case sent
    /// They wait for the peer to take what it was sent before; `hasRoom` is called when it has.
    case waits
    /// They were not taken: too much waits already. `hasRoom` is called when there is room.
    case full
    /// There is no such connection, or its output is finished.
    case gone
}
