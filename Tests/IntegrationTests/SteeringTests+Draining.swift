//===----------------------------------------------------------------------===//
// Quartermaster: tests of processes that finish the clients of others, in drains, stops and upgrades
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing
import WorkerPage

/// An event service of one process, which leaves its clients to a child when one of them says so.
private struct LeavingService {
    let system: MailSystem
    let master: RunningProcess
    let place: Place

    init() throws {
        let line = "talk unix n - n - 1 test-service serve=events"
        system = try MailSystem([line], programs: ["test-service", "masterctl"])
        master = try system.start()
        place = .path(system.queueDirectory + "/public/talk")
    }

    /// The pid of the process that finishes this client, as soon as others see it.
    func leaveToHeir(_ client: Caller) throws -> UInt32 {
        #expect(client.send("drain\n"))
        let heir = client.readLine()?.dropLast().split(separator: " ").last.flatMap { UInt32($0) }
        let pid = try #require(heir)
        _ = try system.page { isDraining(pid, $0) }
        return pid
    }

    func isDraining(_ pid: UInt32, _ page: Overview) -> Bool {
        page.processes.contains { $0.pid == pid && $0.state == .draining }
    }

    func figures() throws -> WorkerFigures? {
        try WorkerReader.read(system.queueDirectory + "/" + WorkerPage.path).service("talk/unix")
    }
}

extension SteeringTests {
    @Test("a process that finishes the clients of one that has left is seen, waited for, and ended at a deadline")
    func drainingProcess() throws {
        let scene = try LeavingService()
        let (system, place) = (scene.system, scene.place)
        defer { system.end() }
        let client = try Caller(place)
        let heir = try scene.leaveToHeir(client)
        #expect(try system.masterctl("processes", "talk").output.contains("draining, 1 client"))
        let status = try system.masterctl("status", "talk").output
        #expect(status.contains("1 process finishes what others have left: 1 client, since"), "\(status)")
        #expect(try system.masterctl("services").output.contains("0+1"))
        // Another takes its place, though there may be one only.
        let next = try Caller(place)
        #expect(next.send("served\n") && next.readLine() == "served\n")
        #expect(system.upgrade(), "\(system.log)")
        _ = try system.page { $0.processes.contains { $0.pid == heir && $0.state == .draining } }
        _ = next.finish()

        let drain = try system.beginMasterctl("drain", "talk")
        #expect(eventually { drain.output.contains(" left to wait for") }, "\(drain.output)")
        #expect(client.send("still here\n") && client.readLine() == "still here\n")
        #expect(drain.isRunning)
        _ = client.finish()
        let result = drain.finish()
        #expect(result.succeeded && result.output.contains(" is drained"), "\(result)")
        _ = try system.page { $0.processes.isEmpty }
        #expect(try system.masterctl("resume", "talk").succeeded)

        let holding = try Caller(place)
        let last = try scene.leaveToHeir(holding)
        let stop = try system.masterctl("stop", "--timeout", "1")
        #expect(stop.output.contains("1 process cut off: talk/unix pid \(last)\n"), "\(stop)")
        #expect(eventually { kill(pid_t(last), 0) != 0 })
    }

    @Test("one that cannot be watched for a while is seen, goes on behind an upgrade, and is ended at a deadline")
    func unwatched() throws {
        let scene = try LeavingService()
        let system = scene.system
        defer { system.end() }
        let client = try Caller(scene.place)
        let tracer = try Traced(
            scene.master.pid,
            "-e",
            "trace=pidfd_open",
            "-e",
            "inject=pidfd_open:error=EMFILE"
        )
        let heir = try scene.leaveToHeir(client)
        #expect(system.wait(for: "process \(heir) finishes the clients of process "), "\(system.log)")
        let other = try Caller(scene.place)
        let second = try scene.leaveToHeir(other)
        #expect(system.upgrade(), "\(system.log)")
        _ = try system.page { scene.isDraining(heir, $0) && scene.isDraining(second, $0) }
        // Its end is seen without a descriptor, too, and its row is free.
        #expect(other.finish())
        _ = try system.page { !scene.isDraining(second, $0) }
        #expect(try eventually { try scene.figures()?.open == 1 })
        #expect(client.send("still here\n") && client.readLine() == "still here\n")
        #expect(tracer.report.contains("(INJECTED)"))
        tracer.end()
        let stop = try system.masterctl("stop", "--timeout", "1")
        #expect(stop.output.contains("1 process cut off: talk/unix pid \(heir)\n"), "\(stop)")
        #expect(eventually { kill(pid_t(heir), 0) != 0 })
        #expect(system.count(" cannot be watched: ") == 1, "\(system.log)")
    }
}
