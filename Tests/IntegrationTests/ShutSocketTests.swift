//===----------------------------------------------------------------------===//
// Quartermaster: tests of processes that shut down the socket of their service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("A process that shuts its service's socket down", .timeLimit(.minutes(60))) struct ShutSocketTests {
    private static let message = "a process has shut its socket down, so clients were refused -- making another one"

    @Test("a look finds it: the service gets another socket, and its processes leave", arguments: Place.Kind.allCases)
    func look(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind)
        let system = scene.system
        defer { system.end() }
        for round in 1...3 {
            let answer = try #require(Caller.ask(scene.place, "shut down"), "round \(round): \(system.log)")
            let pid = try #require(answer.split(separator: " ").first.flatMap { Int32($0) })
            // The process leaves when there is another socket. Until then some may be refused, and some still served.
            #expect(eventually { !system.processes().contains { $0.pid == pid } }, "round \(round): \(system.log)")
            #expect(Caller.pid(scene.place) != nil, "round \(round): \(system.log)")
        }
        // What comes again within a minute is counted.
        #expect(system.count(Self.message) == 1, "\(system.log)")
        #expect(system.count("throttling") == 0 && system.recordedPID == scene.master.pid)
    }

    @Test("who waits in its queue is disconnected, although a process that is busy has it open")
    func waiting() throws {
        let scene = try SteeredService(.unix, maxproc: 2)
        let system = scene.system
        defer { system.end() }
        let held = try scene.holdingClient()
        let pid = try #require(Caller.pid(scene.place))
        let delays = "inject=shutdown:delay_enter=500000:delay_exit=60000000"
        let trace = try Traced(pid, "-e", "trace=shutdown", "-e", delays)
        defer { trace.end() }
        #expect(Caller.ask(scene.place, "shut down") != nil)
        let waiting = try Caller(scene.place)
        #expect(eventually { scene.isRefusing })
        // Nobody is left who would accept, once the tracer lets go of it.
        kill(pid, SIGKILL)
        trace.end()
        #expect(waiting.readAll() == "", "\(system.log)")
        #expect(eventually { Caller.pid(scene.place) != nil }, "\(system.log)")
        #expect(held.send("a line\n") && held.readAll()?.hasSuffix(" half a line\n") == true)
    }

    @Test("of a service with one process, a reload finds it", arguments: Place.Kind.allCases)
    func reload(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, maxproc: 1)
        let system = scene.system
        defer { system.end() }
        #expect(Caller.ask(scene.place, "shut down") != nil)
        #expect(eventually { scene.isRefusing })
        try system.settle()
        #expect(scene.isRefusing, "\(system.log)")
        // A signal, and nothing after it: what a reload decides is done without another event.
        kill(scene.master.pid, SIGHUP)
        #expect(system.wait(for: "reload accepted: "), "\(system.log)")
        #expect(eventually { Caller.pid(scene.place) != nil }, "\(system.log)")
        #expect(system.count(Self.message) == 1, "\(system.log)")
    }
}
