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
        let pid = try #require(Caller.pid(scene.place))
        for round in 1...3 {
            // One that waited in the socket of the round before is lost with it, and comes again.
            #expect(eventually(within: patience * 3) { Caller.ask(scene.place, "shut down") != nil })
            let isServed = eventually { Caller.pid(scene.place).map { $0 != pid } ?? false }
            #expect(isServed, "round \(round): \(system.log)")
        }
        #expect(eventually { !system.processes().contains { $0.pid == pid } })
        // What comes again within a minute is counted.
        #expect(system.count(Self.message) == 1, "\(system.log)")
        #expect(system.count("throttling") == 0 && system.recordedPID == scene.master.pid)
    }

    @Test("of a service with one process, a reload finds it", arguments: Place.Kind.allCases)
    func reload(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, maxproc: 1)
        let system = scene.system
        defer { system.end() }
        #expect(Caller.ask(scene.place, "shut down") != nil)
        #expect(eventually { scene.isRefusing })
        try system.settle()
        #expect(scene.isRefusing)
        let reloaded = try system.masterctl("reload")
        #expect(reloaded.succeeded, "\(reloaded)")
        #expect(eventually { Caller.pid(scene.place) != nil }, "\(system.log)")
        #expect(system.count(Self.message) == 1, "\(system.log)")
    }
}
