//===----------------------------------------------------------------------===//
// Quartermaster: a client of a service under test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The other end of a connection to a service under test, in this process or under a `master`, or somebody who sends it
/// datagrams. Hangs up when it is let go.
public final class TestClient {
    private var socket: Descriptor?
    /// Nil where the service runs in another process.
    let tester: ServiceTester?
    /// By which the server knows it; nil where the service runs in another process.
    let address: SocketAddress?
    /// What has come and was not asked for yet.
    private var pending: [UInt8] = []
    private(set) var hasEnd = false
    /// How much of what comes is taken yet.
    var readable = Int.max

    init(_ socket: consuming Descriptor, _ tester: ServiceTester?, address: SocketAddress? = nil) {
        self.socket = consume socket
        self.tester = tester
        self.address = address
    }

    deinit {
        failNoWrite()
        try? hangUp()
    }

    // MARK: sending

    /// Sends all of it at once, and has the service deal with it.
    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) throws {
        guard let number = socket?.number else { throw ServiceTestError("this client has hung up") }
        var rest = bytes[...]
        repeat {
            switch try number.send(Array(rest)) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock:
                try tester?.happened()
                guard try number.waitForOutput(milliseconds: ServiceTester.patience) else {
                    throw ServiceTestError("the service does not take what is sent to it")
                }
            case .endOfFile: throw ServiceTestError("the connection is over")
            }
        } while !rest.isEmpty
        try tester?.happened()
    }

    /// Sends it in pieces, of which the service deals with each before the next one comes.
    public func send(_ text: String, inPiecesOf size: Int) throws {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = min(start + max(size, 1), bytes.count)
            try send(Array(bytes[start..<end]))
            start = end
        }
    }

    // MARK: receiving

    /// Everything that has come since the last call.
    public func received() throws -> String { String(decoding: try receivedBytes(), as: UTF8.self) }

    public func receivedBytes() throws -> [UInt8] {
        try takeAll()
        defer { pending.removeAll() }
        return pending
    }

    /// So many bytes, fewer only when the service hangs up. A blocking service is waited for.
    public func received(count: Int) throws -> String {
        try wait { pending.count >= count }
        defer { pending.removeFirst(min(count, pending.count)) }
        return String(decoding: pending.prefix(count), as: UTF8.self)
    }

    /// One line without its LF; nil when the service has hung up. A blocking service is waited for.
    public func receivedLine() throws -> String? {
        try wait { pending.contains(0x0a) }
        guard let end = pending.firstIndex(of: 0x0a) else { return nil }
        defer { pending.removeFirst(end + 1) }
        return String(decoding: pending[..<end], as: UTF8.self)
    }

    /// Whether the service has hung up. What it sent before can still be received. A blocking service is waited for
    /// only as long as it works.
    public func isDisconnected() throws -> Bool {
        try takeAll()
        return hasEnd
    }

    /// Waits until the service hangs up, and throws when it does not.
    public func waitForDisconnect() throws { try wait { false } }

    // MARK: the end

    /// Closes the connection. A reply that the service still sends cannot be delivered.
    public func hangUp() throws {
        guard socket != nil else { return }
        socket = nil
        try tester?.happened()
    }

    /// Sends nothing more, and can still receive.
    public func finishSending() throws {
        try socket?.number.shutdownWriting()
        try tester?.happened()
    }

    // MARK: bytes

    var number: DescriptorNumber? { socket?.number }

    /// Takes what has come.
    func take() {
        guard let number = socket?.number else { return hasEnd = true }
        while !hasEnd, readable > 0, (try? number.waitForInput(milliseconds: 0)) == true {
            guard let bytes = try? number.read(atMost: min(readable, 65_536)), !bytes.isEmpty else {
                return hasEnd = true
            }
            if readable < .max { readable -= bytes.count }
            pending += bytes
        }
    }

    /// The same, and what the service sends when it has room again.
    private func takeAll() throws {
        var before: Int
        repeat {
            before = pending.count
            try tester?.happened()
            take()
        } while pending.count > before
    }

    private func wait(until isThere: () -> Bool) throws {
        try takeAll()
        var left = ServiceTester.patience
        while !isThere(), !hasEnd {
            guard let number = socket?.number, left > 0, tester?.mayBeLate != false else {
                throw ServiceTestError("nothing more comes; there is \(String(decoding: pending, as: UTF8.self))")
            }
            // A server that is not quiet may become so meanwhile.
            _ = try number.waitForInput(milliseconds: 20)
            left -= 20
            try tester?.looksAgain()
            take()
        }
    }
}
