//===----------------------------------------------------------------------===//
// Quartermaster: tests of the control socket when the kernel refuses, and of clients that come and go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import Foundation
import MasterControl
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// A control socket with a loop of its own, and its clients.
private struct Bench: ~Copyable {
    let home: TemporaryDirectory
    var loop: EventLoop
    var socket = ControlSocket()

    var path: String { home.file("control") }

    init() throws {
        let home = try TemporaryDirectory("qm-control")
        let loop = try EventLoop(capacity: 16)
        self.home = home
        self.loop = loop
    }

    mutating func open() throws(EndpointFailure) { try socket.open(at: path, loop: &loop) }

    func caller() throws -> Descriptor {
        let caller = try makeSocket(.unix, .stream)
        try caller.number.connect(to: try #require(SocketAddress(unixPath: path)))
        try caller.number.setNonBlocking(true)
        return caller
    }

    mutating func accept() throws(SystemError) -> SlotID? { try socket.accept(loop: &loop)?.slot }

    /// Lets clients be heard until one of them has said something that matters.
    mutating func nextNews() throws -> ControlSocket.News {
        for _ in 0..<600 {
            try loop.turn(waitingAtMost: 50)
            while let occurrence = loop.next() {
                guard occurrence.token.event == .controlReady else { continue }
                let news = socket.advance(occurrence.token.slot, occurrence.what, loop: &loop)
                if case .nothing = news { continue }
                return news
            }
        }
        return .nothing
    }
}

@Suite("The control socket alone") struct ControlSocketTests {
    @Test(
        "what the kernel refuses at the opening leaves no file behind, and can be tried again",
        arguments: [
            "socket", "bind", "chmod", "listen", "epoll_ctl",
        ]
    )
    func refusedOpening(_ name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let call = try #require(SystemCall(rawValue: name))
            var bench = try Bench()
            FaultPlan.fail(call, with: .noMemory)
            do {
                try bench.open()
                Issue.record("it was opened all the same")
            } catch {
                let isOpen = bench.socket.isOpen
                #expect(!isOpen)
                let path = bench.path
                #expect(access(path, F_OK) != 0, "no file")
            }
            FaultPlan.clear()
            try bench.open()
            let caller = try bench.caller()
            let slot = try bench.accept()
            #expect(slot != nil)
            withExtendedLifetime(caller) {}
        }
    }

    @Test("a client that cannot be had now stays in the queue, or is closed; the next one is served")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            var bench = try Bench()
            try bench.open()
            let caller = try bench.caller()
            FaultPlan.fail(.accept4, with: .tooManyOpenFiles)
            #expect(throws: SystemError(.accept4, .tooManyOpenFiles)) { try bench.accept() }
            let slot = try #require(try bench.accept())
            _ = try caller.number.write(Array("version\n".utf8))
            guard case .request(.version) = try bench.nextNews() else { throw TestSupportError("not heard") }
            bench.socket.send(.result(.ok, "done"), to: slot, loop: &bench.loop)
            #expect(
                try caller.number.read(atMost: 100)
                    == Array("{\"type\":\"result\",\"status\":\"ok\",\"text\":\"done\"}\n".utf8)
            )
            #expect(try caller.number.read(atMost: 100) == [], "closed behind its answer")
            let second = try bench.caller()
            FaultPlan.fail(.epollControl, with: .noSpace)
            #expect(throws: SystemError(.epollControl, .noSpace)) { try bench.accept() }
            #expect(try second.number.read(atMost: 100) == [], "closed")
            let isFull = bench.socket.isFull
            #expect(!isFull)
        }
    }

    @Test("an answer that is not read has a limit; what did not fit is counted, and its end always comes")
    func longAnswer() async throws {
        var bench = try Bench()
        try bench.open()
        let caller = try bench.caller()
        let slot = try #require(try bench.accept())
        _ = try caller.number.write(Array("check\n".utf8))
        guard case .request(.check) = try bench.nextNews() else { throw TestSupportError("not heard") }
        let text = String(repeating: "x", count: 1000)
        for _ in 0..<2000 { bench.socket.send(.progress(text), to: slot, loop: &bench.loop) }
        bench.socket.send(.result(.ok, "end"), to: slot, loop: &bench.loop)
        var bytes: [UInt8] = []
        for _ in 0..<600 {
            try bench.loop.turn(waitingAtMost: 50)
            while let occurrence = bench.loop.next() {
                _ = bench.socket.advance(occurrence.token.slot, occurrence.what, loop: &bench.loop)
            }
            var isOver = false
            while let piece = try caller.number.read(atMost: 65_536) {
                bytes += piece
                if piece.isEmpty {
                    isOver = true
                    break
                }
            }
            if isOver { break }
        }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        #expect(lines.last.flatMap { ControlReply(json: $0) } == .result(.ok, "end"))
        let kept = lines.count - 2
        #expect(kept < 2000 && kept > 50)
        #expect(lines[kept].contains("\(2000 - kept) more lines did not fit"))
    }

    @Test("who hangs up while it waits is gone; who only stops talking is answered")
    func hangingUp() throws {
        var bench = try Bench()
        try bench.open()
        let caller = try bench.caller()
        let slot = try #require(try bench.accept())
        _ = try caller.number.write(Array("reload\n".utf8))
        guard case .request(.reload) = try bench.nextNews() else { throw TestSupportError("not heard") }
        shutdown(caller.number.rawValue, Int32(SHUT_WR))
        try bench.loop.turn(waitingAtMost: 50)
        while let occurrence = bench.loop.next() {
            let news = bench.socket.advance(occurrence.token.slot, occurrence.what, loop: &bench.loop)
            guard case .nothing = news else { throw TestSupportError("it still listens") }
        }
        bench.socket.send(.result(.ok, "done"), to: slot, loop: &bench.loop)
        #expect(try caller.number.read(atMost: 100)?.isEmpty == false)

        let another = try bench.caller()
        _ = try #require(try bench.accept())
        _ = try another.number.write(Array("reload\n".utf8))
        guard case .request(.reload) = try bench.nextNews() else { throw TestSupportError("not heard") }
        try another.close()
        guard case .gone = try bench.nextNews() else { throw TestSupportError("it is gone") }
    }
}
