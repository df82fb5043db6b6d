//===----------------------------------------------------------------------===//
// Quartermaster: a server with nothing behind it, for the limit of the machine
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
package import SystemCalls

/// What a bare server does.
package struct ServePlan: Sendable {
    package let target: Target
    /// Said to each new client.
    package let greeting: [UInt8]
    /// Said to whatever a read brings; nil: that again.
    package let reply: [UInt8]?
    package let closes: Bool

    package init(target: Target, greeting: [UInt8] = [], reply: [UInt8]? = nil, closes: Bool = false) {
        self.target = target
        self.greeting = greeting
        self.reply = reply
        self.closes = closes
    }
}

/// One process, one event loop, no protocol: accepts, reads, writes. What a client cannot take at once is lost with its
/// connection: a limit is measured with clients that read.
package struct BareServer: ~Copyable {
    private enum Token: UInt32 {
        case listener = 1
        case client, datagrams, signal
    }

    /// Clients taken in one turn, so that those who are there get theirs.
    private static let acceptsPerTurn = 64
    private static let bufferSize = 65536

    private let plan: ServePlan
    private let socket: Descriptor
    private var loop: EventLoop
    private var buffer = [UInt8](repeating: 0, count: bufferSize)
    /// By descriptor number: who is watched how.
    private var watches: [WatchID?] = []
    private var isEnding = false

    /// Listens from here on.
    package init(_ plan: ServePlan) throws(SystemError) {
        guard case .socket(let address, let kind) = plan.target.place else {
            preconditionFailure("a FIFO is no server's socket")
        }
        self.plan = plan
        let socket = try Self.listen(at: address, kind)
        loop = try Self.makeLoop(watching: socket.number, kind == .stream ? Token.listener : Token.datagrams)
        self.socket = socket
    }

    private static func listen(at address: SocketAddress, _ kind: SocketKind) throws(SystemError) -> Descriptor {
        let socket = try makeSocket(address.family, kind)
        if address.family == .unix { try removeLeftBehind(address) }
        if address.family != .unix, kind == .stream { try socket.number.setOption(.reuseAddress, 1) }
        try socket.number.bind(to: address)
        try socket.number.setNonBlocking(true)
        if kind == .stream { try socket.number.listen(backlog: 4096) }
        return socket
    }

    /// A socket without a listener is in the way; everything else stays, and bind(2) will complain.
    private static func removeLeftBehind(_ address: SocketAddress) throws(SystemError) {
        guard let facts = try? facts(ofPath: address.hostText, followingLinks: false), facts.kind == .socket else {
            return
        }
        for kind in [SocketKind.stream, .datagram] {
            do throws(SystemError) {
                try makeSocket(.unix, kind).number.connect(to: address)
                return
            } catch {
                if error.code != .connectionRefused, error.code != .protocolWrongTypeForSocket { return }
            }
        }
        try removeFile(address.hostText)
    }

    private static func makeLoop(watching socket: DescriptorNumber, _ kind: Token) throws(SystemError) -> EventLoop {
        var loop = try EventLoop(capacity: 256)
        _ = try loop.watch(socket, for: .readable, token: EventToken(kind: kind.rawValue))
        return loop
    }

    deinit {
        for number in watches.indices where watches[number] != nil {
            _ = Descriptor(owning: DescriptorNumber(Int32(number)))
        }
    }

    /// Serves until SIGINT or SIGTERM.
    package mutating func run() throws(SystemError) {
        try unblockAllSignals()
        _ = try loop.watchSignal(.interrupt, token: EventToken(kind: Token.signal.rawValue))
        _ = try loop.watchSignal(.terminate, token: EventToken(kind: Token.signal.rawValue))
        while !isEnding { try turn(waitingAtMost: nil) }
        if let address = plan.target.address, address.family == .unix { try removeFile(address.hostText) }
    }

    /// One turn of the loop.
    package mutating func turn(waitingAtMost limit: Int64?) throws(SystemError) {
        try loop.turn(waitingAtMost: limit)
        while let occurrence = loop.next() {
            switch Token(rawValue: occurrence.token.kind) {
            case .listener?: try accept()
            case .client?: serve(DescriptorNumber(Int32(occurrence.token.index)))
            case .datagrams?: try receive()
            case .signal?: isEnding = true
            case nil: preconditionFailure("an event without a watcher")
            }
        }
    }

    private mutating func accept() throws(SystemError) {
        for _ in 0..<Self.acceptsPerTurn {
            guard case .client(let client) = try socket.number.accept() else { return }
            let number = client.number
            if !plan.greeting.isEmpty, !isSaid(plan.greeting, to: number, count: plan.greeting.count) { continue }
            while watches.count <= Int(number.rawValue) { watches.append(nil) }
            let token = EventToken(kind: Token.client.rawValue, index: UInt32(number.rawValue))
            watches[Int(number.rawValue)] = try loop.watch(number, for: .readable, token: token)
            _ = client.release()
        }
    }

    private mutating func serve(_ client: DescriptorNumber) {
        guard case .bytes(let count)? = try? client.receive(into: &buffer, at: 0, atMost: Self.bufferSize) else {
            return end(client)
        }
        let isGood =
            if let reply = plan.reply {
                isSaid(reply, to: client, count: reply.count)
            } else {
                isSaid(buffer, to: client, count: count)
            }
        if !isGood || plan.closes { end(client) }
    }

    private func isSaid(_ bytes: [UInt8], to client: DescriptorNumber, count: Int) -> Bool {
        if count == 0 { return true }
        guard case .bytes(count)? = try? client.send(bytes, at: 0, count: count) else { return false }
        return true
    }

    private mutating func end(_ client: DescriptorNumber) {
        guard let watch = watches[Int(client.rawValue)] else { return }
        loop.remove(watch)
        watches[Int(client.rawValue)] = nil
        _ = Descriptor(owning: client)
    }

    /// Datagrams go back where they came from, but those of UNIX sockets without a name, which are dropped.
    private mutating func receive() throws(SystemError) {
        for _ in 0..<Self.acceptsPerTurn {
            let transfer = try socket.number.receiveAndReturn(into: &buffer, returning: !plan.target.isOneWay)
            if transfer == .wouldBlock { return }
        }
    }
}
