//===----------------------------------------------------------------------===//
// Quartermaster: tests of wake-ups, sent to real sockets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// A sender with a loop of its own.
private struct Sending: ~Copyable {
    var loop: EventLoop
    var sender = WakeupSender()
    let log = Log(ident: "test", host: nil, destination: .standardError, waits: false)
    let owner: MailOwner

    init() throws {
        let account = try #require(try userAccount(uid: Identity.effectiveUser))
        let loop = try EventLoop(capacity: 16)
        self.loop = loop
        owner = MailOwner(account)
    }

    mutating func send(_ plan: ServicePlan) -> String? { sender.send(to: plan, owner: owner, loop: &loop, log: log) }

    /// Lets things happen until `isDone` says so of what went wrong; returns that.
    mutating func work(until isDone: ([String]) throws -> Bool = { _ in true }) throws -> [String] {
        var problems: [String] = []
        for turn in 0..<600 {
            if turn > 0, try isDone(problems) { break }
            try loop.turn(waitingAtMost: 50)
            while let occurrence = loop.next() {
                switch occurrence.token.event {
                case .wakeupReady:
                    if let text = sender.advance(occurrence.token.slot, loop: &loop) { problems.append(text) }
                case .wakeupDeadline:
                    if let text = sender.expire(occurrence.token.slot, loop: &loop) { problems.append(text) }
                default: Issue.record("another event")
                }
            }
        }
        return problems
    }
}

@Suite struct WakeupSenderTests {
    private let home: TemporaryDirectory
    private static let word = [UInt8(ascii: "W"), 0]

    init() throws { home = try TemporaryDirectory("qm-wake") }

    private func accept(_ listener: DescriptorNumber) throws -> Descriptor {
        _ = try listener.waitForInput(milliseconds: 90_000)
        switch try listener.accept() {
        case .client(let client): return client
        case .nothing: throw TestSupportError("no client came")
        }
    }

    /// The two bytes of a wake-up, which may come one after the other.
    private func receiveWord(_ client: DescriptorNumber) throws -> [UInt8] {
        var word: [UInt8] = []
        while word.count < 2, try client.waitForInput(milliseconds: 90_000) {
            guard let bytes = try client.read(atMost: 2 - word.count), !bytes.isEmpty else { break }
            word += bytes
        }
        return word
    }

    @Test("a service that closes when it has read the word is awake: nothing is wrong, however fast it is")
    func fastService() async {
        await #expect(processExitsWith: .success) {
            try Signal.pipe.ignore()
            let home = try TemporaryDirectory("qm-wake")
            let path = home.file("s")
            let endpoint = try Endpoint.make(.path(path, .unix), .init(backlog: 512))
            let listener = endpoint.numbers[0]
            try listener.setNonBlocking(false)
            let reading = Thread {
                while case .client(let client)? = try? listener.accept() {
                    _ = try? client.number.waitForInput(milliseconds: 90_000)
                    _ = try? client.number.read(atMost: 1)
                }
            }
            reading.start()
            let service = plan("s", .unix, .path(path, .unix))
            var sending = try Sending()
            for _ in 0..<300 { #expect(sending.send(service) == nil) }
            withExtendedLifetime(endpoint) {}
        }
    }

    @Test("a unix service gets the word and a NUL")
    func unixService() throws {
        let path = home.file("s")
        let endpoint = try Endpoint.make(.path(path, .unix), .init(backlog: 5))
        var sending = try Sending()
        #expect(sending.send(plan("s", .unix, .path(path, .unix))) == nil)
        let client = try accept(endpoint.numbers[0])
        #expect(try sending.work() == [])
        #expect(try receiveWord(client.number) == Self.word)
        #expect(try client.number.read(atMost: 10) == nil, "the connection stays until the receiver closes it")
        _ = consume client
        #expect(try sending.work() == [])
    }

    @Test("a wake-up whose receiver hung up before it was read is sent again, a few times")
    func hangUp() async {
        await #expect(processExitsWith: .success) {
            let home = try TemporaryDirectory("qm-wake")
            let path = home.file("s")
            let endpoint = try Endpoint.make(.path(path, .unix), .init(backlog: 5))
            let service = plan("s", .unix, .path(path, .unix))
            var sending = try Sending()
            FaultPlan.fail(.write, with: .brokenPipe, times: 2)
            #expect(sending.send(service) == nil)
            // Two were given up, the third has the word.
            for size in [0, 0, 2] {
                let client: Descriptor
                switch try endpoint.numbers[0].accept() {
                case .client(let accepted): client = accepted
                case .nothing: throw TestSupportError("no client came")
                }
                #expect(try client.number.read(atMost: 10)?.count == size)
            }
            FaultPlan.fail(.write, with: .brokenPipe, times: 3)
            #expect(sending.send(service)?.hasSuffix(": Broken pipe") == true)
            FaultPlan.clear()
        }
    }

    @Test("an inet service on the wildcard is reached through loopback")
    func wildcard() throws {
        let port = try HeldPort()
        let wildcard = SocketAddress(ipv4: [0, 0, 0, 0], port: port.number)
        let endpoint = try Endpoint.make(.inet([wildcard]), .init(backlog: 5))
        var sending = try Sending()
        #expect(sending.send(plan("\(port.number)", .inet, .inet([wildcard]))) == nil)
        let client = try accept(endpoint.numbers[0])
        #expect(try client.number.name(ofPeer: true)?.hostText == "127.0.0.1")
        let problems = try sending.work { _ in try client.number.waitForInput(milliseconds: 0) }
        #expect(problems == [])
        #expect(try receiveWord(client.number) == Self.word)
    }

    @Test("a pass service gets a pipe with the word")
    func passService() throws {
        let path = home.file("p")
        let endpoint = try Endpoint.make(.path(path, .pass), .init(backlog: 5))
        var sending = try Sending()
        #expect(sending.send(plan("p", .pass, .path(path, .pass))) == nil)
        let client = try accept(endpoint.numbers[0])
        #expect(try sending.work() == [])
        let pipe = try client.number.receiveDescriptor()
        #expect(try receiveWord(pipe.number) == Self.word)
        // A child that another test is just starting shares the writing end until its exec.
        #expect(try pipe.number.waitForInput(milliseconds: 90_000))
        #expect(try pipe.number.read(atMost: 10) == [], "and then the end of file")
    }

    @Test("a FIFO gets the word alone")
    func fifo() async {
        // Master borrows the owner's identity for this, which is the whole process's.
        await #expect(processExitsWith: .success) {
            let home = try TemporaryDirectory("qm-wake")
            let path = home.file("f")
            let endpoint = try Endpoint.make(.path(path, .fifo), .init(backlog: 5))
            var sending = try Sending()
            #expect(sending.send(plan("f", .fifo, .path(path, .fifo))) == nil)
            #expect(try endpoint.numbers[0].read(atMost: 10) == [UInt8(ascii: "W")])
            let lost = sending.send(plan("g", .fifo, .path(home.file("g"), .fifo)))
            #expect(
                lost == "master_wakeup_timer_event: service g(private/g): cannot open file: No such file or directory"
            )
        }
    }

    @Test("a wake-up without a receiver is a warning")
    func noReceiver() throws {
        var sending = try Sending()
        let lost = sending.send(plan("s", .unix, .path(home.file("none"), .unix)))
        #expect(lost == "master_wakeup_timer_event: service s(private/s): No such file or directory")
        let datagrams = sending.send(plan("d", .unixDatagram, .path(home.file("d"), .unixDatagram)))
        #expect(datagrams == "master_wakeup_timer_event: service d(private/d): Operation not supported")
    }

    @Test("the next address is tried when one refuses")
    func nextAddress() throws {
        let (closed, open) = (try HeldPort(), try HeldPort())
        let endpoint = try Endpoint.make(.inet([open.onLoopback]), .init(backlog: 5))
        let listener = endpoint.numbers[0]
        var sending = try Sending()
        #expect(sending.send(plan("x", .inet, .inet([closed.onLoopback, open.onLoopback]))) == nil)
        var problems = try sending.work { _ in try listener.waitForInput(milliseconds: 0) }
        let client = try accept(listener)
        problems += try sending.work { _ in try client.number.waitForInput(milliseconds: 0) }
        #expect(problems == [])
        #expect(try receiveWord(client.number) == Self.word)
    }

    @Test("one warning tells that every address refuses")
    func allRefuse() throws {
        let (first, second) = (try HeldPort(), try HeldPort())
        let addresses = [first.onLoopback, second.onLoopback]
        var sending = try Sending()
        let now = sending.send(plan("x", .inet, .inet(addresses), canonical: "25"))
        let later = try sending.work { now != nil || !$0.isEmpty }
        let all = [now].compactMap { $0 } + later
        #expect(all == ["master_wakeup_timer_event: service x(25): Connection refused"])
    }

    @Test("many at once are all sent")
    func many() throws {
        let path = home.file("s")
        let endpoint = try Endpoint.make(.path(path, .unix), .init(backlog: 100))
        var sending = try Sending()
        for _ in 0..<40 { #expect(sending.send(plan("s", .unix, .path(path, .unix))) == nil) }
        for _ in 0..<40 {
            let client = try accept(endpoint.numbers[0])
            #expect(try receiveWord(client.number) == Self.word)
        }
        #expect(try sending.work() == [])
    }

    @Test("a full listener does not make master wait")
    func fullListener() throws {
        let path = home.file("s")
        let socket = try makeSocket(.unix, .stream)
        try socket.number.bind(to: #require(SocketAddress(unixPath: path)))
        try socket.number.listen(backlog: 0)
        var sending = try Sending()
        var refused: [String] = []
        // A sender that waited would do so for ever: no process accepts.
        for _ in 0..<5 { refused += [sending.send(plan("s", .unix, .path(path, .unix)))].compactMap { $0 } }
        #expect(!refused.isEmpty)
        let text = "master_wakeup_timer_event: service s(private/s): Resource temporarily unavailable"
        #expect(refused.allSatisfy { $0 == text }, "\(refused)")
    }
}
