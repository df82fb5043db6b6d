//===----------------------------------------------------------------------===//
// Quartermaster: tests of clients that a service cannot write to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import ServiceTesting
import SystemCalls
import Testing

extension ServiceTesterTests {
    @Test("a stream: a write that fails after any number of bytes costs that client alone", arguments: [0, 1, 7])
    func streamWrite(_ count: Int) throws {
        let tester = try ServiceTester(stream: Adder.self)
        let (client, other) = (try tester.connect(), try tester.connect())
        #expect(try client.received() == "hello\n")
        try client.failWrite(after: count, with: .connectionReset)
        try client.send("100\n2000\n")
        #expect(try client.received() == String("100\n2100\n".prefix(count)))
        #expect(try client.isDisconnected())
        #expect(tester.log.last?.hasPrefix("left with ") == true)
        try other.send("1\n")
        #expect(try other.received() == "hello\n1\n")
    }

    @Test("a stream over TCP, and one for whom there is no room for a moment")
    func streamOverTCP() throws {
        let tester = try ServiceTester(stream: Adder.self, over: .inet)
        let client = try tester.connect()
        #expect(try client.received() == "hello\n")
        try client.failWrite(after: 2, with: .noRoom)
        try client.send("1234\n")
        #expect(try client.received(count: 5) == "1234\n")
    }

    @Test("events: a write that fails is one client's end; one who stops to read is given up by the clock")
    func eventWrite() throws {
        let tester = try ServiceTester(event: Board.self, settings: ["ipc_timeout": "100s"])
        let (one, two, three) = (try tester.connect(), try tester.connect(), try tester.connect())
        try two.failWrite(after: 1)
        try one.send("hi\n")
        #expect(try two.received() == "h")
        #expect(try two.isDisconnected())
        #expect(try three.received() == "hi\n")
        try three.stopReading(after: 10)
        for _ in 0..<20 { try one.send(String(repeating: "x", count: 1000)) }
        #expect(try three.received() == String(repeating: "x", count: 10))
        #expect(try !three.isDisconnected())
        try three.readOn()
        try tester.advance(milliseconds: 1)
        #expect(try three.received(count: 19_990).utf8.count == 19_990)
    }

    @Test("blocking and single services hear of a write that fails, and of one for which there is no room")
    func blockingWrite() throws {
        let tester = try ServiceTester(blocking: Turner.self)
        let client = try tester.connect()
        try client.failWrite(after: 1, with: .brokenPipe)
        try client.send("ab")
        #expect(try client.received(count: 1) == "b")
        try client.waitForDisconnect()
        try client.hangUp()
        let next = try tester.connect()
        try next.failWrite(with: .noRoom)
        try next.send("cd")
        #expect(try next.received(count: 2) == "dc")
        try next.hangUp()
        try tester.leave()
        #expect(tester.log.first == "over: Broken pipe")

        let single = try ServiceTester(single: Backwards.self)
        let broken = try single.connect()
        try broken.failWrite(after: 2, with: .timedOut)
        try broken.send("abc\n")
        #expect(try broken.received(count: 4) == "cb")
    }

    @Test("datagrams: an answer that cannot be sent is lost and told of, and the others are sent; a shortage may pass")
    func datagramWrite() throws {
        let tester = try ServiceTester(datagram: Listener.self)
        let (one, two) = (try tester.sender(), try tester.sender())
        try one.failWrite(after: 3, with: .connectionRefused)
        for text in ["abc", "def"] { try one.send(text) }
        try two.send("ghi")
        #expect(try one.received() == "abc")
        #expect(try two.received() == "ghi")
        #expect(tester.log.contains { $0.contains("cannot send a datagram") }, "\(tester.log)")
        try two.failWrite(with: .noMemory)
        try two.send("jkl")
        #expect(try two.received() == "jkl")
    }

    @Test("the rest of a request is waited for, though its client is not heard for a while in between")
    func pausedInTheMiddle() throws {
        let tester = try ServiceTester(event: HalfLines.self, settings: ["ipc_timeout": "10s"])
        let client = try tester.connect()
        try client.send("half a line")
        try tester.advance(seconds: 5)
        #expect(try !client.isDisconnected())
        try tester.advance(seconds: 20)
        #expect(try client.isDisconnected())
    }

    @Test("a connection of the service's own that owes the rest of a request keeps no idle process")
    func ownHalf() throws {
        let name = "quartermaster-half-\(processID())-\(Clock.monotonicNanoseconds())"
        let path = "/tmp/" + name
        defer { try? removeFile(path) }
        let upstream = try makeSocket(.unix, .stream)
        try upstream.number.bind(to: #require(SocketAddress(unixPath: path)))
        try upstream.number.listen(backlog: 1)
        let tester = try ServiceTester(
            event: HalfLines.self,
            settings: ["ipc_timeout": "1000s", "max_idle": "60s"],
            arguments: [path]
        )
        guard case .client(let peer) = try upstream.number.accept() else { throw ServiceTestError("nobody came") }
        _ = try peer.number.send(Array("half a line".utf8))
        try tester.advance(seconds: 50)
        #expect(!tester.hasEnded)
        try tester.advance(seconds: 30)
        #expect(tester.hasEnded, "\(tester.log)")
        withExtendedLifetime(peer) {}
    }
}

/// Takes lines, from its clients and from whom it is connected to. It does not hear its clients in its second second.
private struct HalfLines: EventService {
    private let path: String?
    private var isPaused = false

    init(_ context: inout ServiceContext) { path = context.arguments.first }

    mutating func started(_ handle: inout EventHandle<Void>) {
        if let address = path.flatMap({ NetworkAddress(unixPath: $0) }) {
            _ = try? handle.connect(to: address, within: 1000)
        }
        let timer = handle.makeTimer(tag: 0)
        handle.arm(timer, every: 1000)
    }

    mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<Void>) {
        isPaused.toggle()
        if !isPaused { handle.cancel(timer) }
        var next = handle.client(after: nil)
        while let client = next {
            if isPaused { handle.pauseReading(client) } else { handle.resumeReading(client) }
            next = handle.client(after: client)
        }
    }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout EventHandle<Void>) -> Int {
        input.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }
}
