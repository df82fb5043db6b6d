//===----------------------------------------------------------------------===//
// Quartermaster: the socket on which administrators ask master for something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterControl
import SystemCalls

/// Listener and clients of the control socket, and nothing of what they ask. Nobody is waited for, and everything has a
/// bound: clients, bytes of a request, bytes of an answer, and the time that each of them may take.
///
///     stage    | what the client owes            | within     | else
///     ---------+---------------------------------+------------+----------------
///     asking   | the rest of its line            | 10 seconds | closed
///     waiting  | nothing: master is at it        | -          | -
///     leaving  | to read what is left for it     | 10 seconds | closed
///
/// What a waiting client does not read gathers up to a limit, beyond which lines are counted and not kept.
struct ControlSocket: ~Copyable {
    struct Client: ~Copyable {
        let socket: Descriptor
        let peer: PeerCredentials
        var reader: WatchID?
        var writer: WatchID?
        var timer: WatchID?
        var line = RequestLine()
        var stage = Stage.asking
        /// Not sent yet.
        var output: [UInt8] = []
        /// Lines that did not fit.
        var omitted = 0
    }

    enum Stage: UInt8 { case asking, waiting, leaving }

    /// What came of a client's readiness.
    enum News {
        case nothing
        case request(ControlRequest)
        /// It is gone, whatever it asked for.
        case gone
    }

    /// Clients at the same time.
    static let clientLimit = 8
    static let patienceMilliseconds: Int64 = 10_000
    /// Bytes that wait for one client.
    static let outputLimit = 64 * 1024
    /// Of them for the last lines.
    private static let resultRoom = 4 * 1024

    var listener: Descriptor?
    var listenerWatch: WatchID?
    /// The file that leads to the listener.
    var file: FileFacts?
    var clients = Slab<Client>(capacity: ControlSocket.clientLimit)

    var isOpen: Bool { listener != nil }
    var isFull: Bool { clients.count >= Self.clientLimit }

    // MARK: the listener

    /// Whether clients still find the socket by its path: somebody may have removed or replaced the file.
    func isInPlace(at path: String) -> Bool {
        guard let file, let found = try? facts(ofPath: path, followingLinks: false) else { return false }
        return (found.device, found.inode) == (file.device, file.inode)
    }

    /// Nobody can call any more. Clients that are there already stay.
    mutating func closeListener(loop: inout EventLoop) {
        if let listenerWatch { loop.remove(listenerWatch) }
        listenerWatch = nil
        listener = nil
        file = nil
    }

    /// Puts the socket in place. What an earlier life has left there goes; anything else that is there stays.
    mutating func open(at path: String, loop: inout EventLoop) throws(EndpointFailure) {
        guard let address = SocketAddress(unixPath: path) else { throw EndpointFailure(text: "the path is too long") }
        if let found = try? facts(ofPath: path, followingLinks: false), found.kind != .socket {
            throw EndpointFailure(text: "something that is no socket is in the way")
        }
        let socket = try Endpoint.step("socket") { () throws(SystemError) in
            try makeSocket(.unix, .stream).moved(atLeast: ChildImage.lowestSource)
        }
        let number = socket.number
        try Endpoint.step("remove") { () throws(SystemError) in try removeFile(path) }
        // master's umask keeps all others out from the first moment on.
        try Endpoint.step("bind") { () throws(SystemError) in try number.bind(to: address) }
        do throws(SystemError) {
            try changeMode(ofPath: path, 0o600)
            try number.setNonBlocking(true)
            try number.listen(backlog: 64)
            file = try facts(ofPath: path, followingLinks: false)
            listenerWatch = try loop.watch(number, for: .readable, token: MasterEvent.controlCalled.token)
        } catch {
            try? removeFile(path)
            throw EndpointFailure(text: error.description, code: error.code)
        }
        listener = consume socket
    }

    /// Turns to the listener again, after `pause`.
    mutating func listen(loop: inout EventLoop) throws(SystemError) {
        if let listenerWatch { try loop.start(listenerWatch) }
    }

    /// Lets those who come next wait in the listener's queue.
    mutating func pause(loop: inout EventLoop) {
        if let listenerWatch { loop.stop(listenerWatch) }
    }

    /// Takes the next client, if there is one. Throws when descriptors or memory are short.
    mutating func accept(loop: inout EventLoop) throws(SystemError) -> (slot: SlotID, peer: PeerCredentials)? {
        guard let listener = listener?.number else { return nil }
        switch try listener.accept() {
        case .nothing: return nil
        case .client(let socket):
            let number = socket.number
            let peer = try number.peerCredentials()
            guard let slot = clients.insert(Client(socket: socket, peer: peer)) else { return nil }
            do throws(SystemError) {
                clients[slot].reader = try loop.watch(
                    number,
                    for: .readable,
                    token: MasterEvent.controlReady.token(slot)
                )
            } catch {
                close(slot, loop: &loop)
                throw error
            }
            let timer = loop.makeTimer(token: MasterEvent.controlDeadline.token(slot))
            clients[slot].timer = timer
            loop.arm(timer, milliseconds: Self.patienceMilliseconds)
            return (slot, peer)
        }
    }

    // MARK: one client

    func peer(of slot: SlotID) -> PeerCredentials? { clients.contains(slot) ? clients[slot].peer : nil }

    /// A client can be read from or written to.
    mutating func advance(_ slot: SlotID, _ what: Occurrence.What, loop: inout EventLoop) -> News {
        guard clients.contains(slot) else { return .nothing }
        if what == .writable { return flush(slot, loop: &loop) ? .nothing : .gone }
        let piece: [UInt8]?
        do throws(SystemError) {
            // One byte more than a request has, so that too many are noticed.
            piece = try clients[slot].socket.number.read(atMost: clients[slot].line.room + 1)
        } catch {
            return end(slot, loop: &loop)
        }
        guard let piece else { return .nothing }
        if piece.isEmpty { return heardEnd(slot, loop: &loop) }
        switch clients[slot].line.take(piece) {
        case .unfinished: return .nothing
        case .tooLong: return turnDown(slot, "the request is too long", loop: &loop)
        case .surplus: return turnDown(slot, "there is something behind the request", loop: &loop)
        case .line(let line):
            do throws(RequestProblem) {
                let request = try ControlRequest(line: line)
                clients[slot].stage = .waiting
                if let timer = clients[slot].timer { loop.stop(timer) }
                return .request(request)
            } catch {
                return turnDown(slot, error.text, loop: &loop)
            }
        }
    }

    /// A client that has said all it will say may still listen, unless it hung up.
    private mutating func heardEnd(_ slot: SlotID, loop: inout EventLoop) -> News {
        let hasHungUp = (try? clients[slot].socket.number.isHungUp()) ?? true
        if clients[slot].stage == .asking || hasHungUp { return end(slot, loop: &loop) }
        if let reader = clients[slot].reader { loop.stop(reader) }
        return .nothing
    }

    private mutating func turnDown(_ slot: SlotID, _ text: String, loop: inout EventLoop) -> News {
        let wasWaiting = clients[slot].stage == .waiting
        let rest =
            wasWaiting ? ": what was asked for before goes on, but for a check, and the log tells how it ends" : ""
        // What is not read when a socket is closed resets the connection, and takes the answer with it.
        _ = try? clients[slot].socket.number.read(atMost: Self.outputLimit)
        send(.result(wasWaiting ? .failed : .refused, text + rest), to: slot, loop: &loop)
        return wasWaiting ? .gone : .nothing
    }

    private mutating func end(_ slot: SlotID, loop: inout EventLoop) -> News {
        close(slot, loop: &loop)
        return .gone
    }

    /// A client has had its time.
    mutating func expire(_ slot: SlotID, loop: inout EventLoop) { close(slot, loop: &loop) }

    /// Sends a line of the answer, or keeps it until the client reads; with the last one the client is done with.
    mutating func send(_ reply: ControlReply, to slot: SlotID, loop: inout EventLoop) {
        guard clients.contains(slot), clients[slot].stage != .leaving else { return }
        let line = Array((reply.json + "\n").utf8)
        if reply.isResult {
            let omitted = clients[slot].omitted
            if omitted > 0 {
                let text = "\(omitted) more lines did not fit here; what matters of them is in the log"
                clients[slot].output += Array((ControlReply.progress(text).json + "\n").utf8)
            }
            clients[slot].output += line
            clients[slot].stage = .leaving
            if let reader = clients[slot].reader { loop.stop(reader) }
            if let timer = clients[slot].timer { loop.arm(timer, milliseconds: Self.patienceMilliseconds) }
        } else if clients[slot].output.count + line.count > Self.outputLimit - Self.resultRoom {
            clients[slot].omitted += 1
            return
        } else {
            clients[slot].output += line
        }
        _ = flush(slot, loop: &loop)
    }

    /// Sends what there is; false when the client is gone.
    private mutating func flush(_ slot: SlotID, loop: inout EventLoop) -> Bool {
        let number = clients[slot].socket.number
        do throws(SystemError) {
            while !clients[slot].output.isEmpty {
                guard case .bytes(let count) = try number.send(clients[slot].output) else {
                    try awaitRoom(slot, number, loop: &loop)
                    return true
                }
                clients[slot].output.removeFirst(count)
                // It reads: the time begins anew.
                if clients[slot].stage == .leaving, let timer = clients[slot].timer {
                    loop.arm(timer, milliseconds: Self.patienceMilliseconds)
                }
            }
        } catch {
            close(slot, loop: &loop)
            return false
        }
        if clients[slot].stage == .leaving {
            close(slot, loop: &loop)
            return false
        }
        if let writer = clients[slot].writer { loop.stop(writer) }
        return true
    }

    private mutating func awaitRoom(
        _ slot: SlotID,
        _ number: DescriptorNumber,
        loop: inout EventLoop
    ) throws(SystemError) {
        if let writer = clients[slot].writer { return try loop.start(writer) }
        clients[slot].writer = try loop.watch(number, for: .writable, token: MasterEvent.controlReady.token(slot))
    }

    private mutating func close(_ slot: SlotID, loop: inout EventLoop) {
        guard let client = clients.remove(slot) else { return }
        for watch in [client.reader, client.writer, client.timer] { if let watch { loop.remove(watch) } }
    }
}
