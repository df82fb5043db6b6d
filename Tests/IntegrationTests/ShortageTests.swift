//===----------------------------------------------------------------------===//
// Quartermaster: tests of master when the kernel refuses, and when its children do not let it rest
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Foundation
import TestSupport
import Testing

@Suite("Master in need", .timeLimit(.minutes(60))) struct ShortageTests {
    /// A call of the kernel that fails for a while.
    struct Fault: Sendable, CustomTestStringConvertible {
        let call: String
        let error: String
        var testDescription: String { "\(call) \(error)" }

        static let all = [
            Fault(call: "epoll_ctl", error: "ENOMEM"), Fault(call: "epoll_ctl", error: "ENOSPC"),
            Fault(call: "socketpair", error: "EMFILE"), Fault(call: "socketpair", error: "ENOMEM"),
        ]
    }

    private func afflict(_ master: RunningProcess, _ fault: Fault) throws -> Traced {
        try Traced(master.pid, "-e", "trace=\(fault.call)", "-e", "inject=\(fault.call):error=\(fault.error)")
    }

    @Test("a reload: master lives, and the new service is there when the fault is over", arguments: Fault.all)
    func reload(_ fault: Fault) throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        try system.setServices([Line.inet(port, "argv"), Line.inet(other, "serve")])
        let tracer = try afflict(master, fault)
        master.send(SIGHUP)
        #expect(
            eventually { system.count(" reload accepted: ") + system.count(" reload refused: ") == 1 },
            "\(system.log)"
        )
        // Long enough for some tries.
        #expect(eventually { tracer.report.contains("(INJECTED)") })
        rest(.milliseconds(500))
        tracer.end()
        #expect(master.isRunning, "\(system.log)")
        if system.count(" reload refused: ") == 1 {
            #expect(Caller.pid(.port(port)) != nil, "nothing has changed: \(system.log)")
            #expect(try system.reload(), "\(system.log)")
        }
        #expect(Caller.pid(.port(other)) != nil, "\(system.log)")
        #expect(Caller.ask(.port(port))?.hasPrefix("GENERATION=") == true, "\(system.log)")
        #expect(system.count("trying again") <= 3, "\(system.log)")
    }

    @Test("the onset of stress: master lives, and clients are served when the fault is over", arguments: Fault.all)
    func stress(_ fault: Fault) throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve", maxproc: 3)])
        defer { system.end() }
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        #expect(eventually { system.processes().allSatisfy { $0.state == "S" } })
        let tracer = try afflict(master, fault)
        let callers = try (0..<6).map { _ in try Caller(.port(port)) }
        rest(.milliseconds(1500))
        tracer.end()
        #expect(master.isRunning, "\(system.log)")
        for (number, caller) in callers.enumerated() {
            #expect(caller.send("x\n"))
            #expect(caller.readAll()?.hasSuffix(" x\n") == true, "client \(number): \(system.log)")
        }
        #expect(Caller.pid(.port(port)) != nil, "\(system.log)")
        #expect(system.count("trying again") <= 3, "\(system.log)")
    }

    @Test("workers that have no memory to watch clients for a while lose none of those they accepted")
    func unwatchedClients() throws {
        let workers = try IdleWorkers(.echo, limit: 3)
        defer { workers.system.end() }
        try workers.haveTwo()
        let tracers = try workers.pids.map {
            try Traced($0, "-e", "trace=epoll_ctl", "-e", "inject=epoll_ctl:error=ENOMEM")
        }
        let callers = try (0..<12).map { try workers.client("line \($0)") }
        // Long enough for another try.
        #expect(eventually { tracers.contains { $0.report.contains("(INJECTED)") } })
        rest(.milliseconds(1500))
        for tracer in tracers { tracer.end() }
        for (number, caller) in callers.enumerated() {
            #expect(caller.readLine() == "line \(number)\n", "client \(number): \(workers.system.log)")
        }
        #expect(workers.wait(of: try workers.client()) != nil)
    }

    @Test("a child that sends 60,000 records that mean nothing: a few lines, and others are served")
    func flood() throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([Line.inet(port, "flood records=20000"), Line.inet(other, "serve")])
        defer { system.end() }
        let master = try system.start()
        let flooded = try Caller(.port(port))
        #expect(flooded.send("x\n"))
        for _ in 0..<10 { #expect(Caller.pid(.port(other)) != nil, "\(system.log)") }
        #expect(flooded.readAll()?.hasSuffix(" x\n") == true, "\(system.log)")
        #expect(master.isRunning)
        try system.settle()
        #expect((3...12).contains(system.logLines.count), "\(system.log)")
        #expect(system.count("ignoring unknown status: 42") == 1)
        #expect(system.count("ignoring status update from child pid") == 1)
    }

    @Test("master stands still under a storm: no worker waits for it, and every client is served")
    func stoppedMaster() throws {
        let workers = try IdleWorkers(limit: 4)
        defer { workers.system.end() }
        try workers.haveTwo()
        let master = try #require(workers.system.recordedPID)
        workers.stop(master)
        defer { kill(master, SIGCONT) }
        let load = try workers.storm(exchanges: 20_000)
        var waits = 0
        let begun = ContinuousClock.now
        while load.isRunning || ContinuousClock.now - begun < .seconds(1) {
            for pid in workers.pids {
                let call = try? String(contentsOfFile: "/proc/\(pid)/syscall", encoding: .utf8)
                if call?.hasPrefix("\(cspawn_sendto.rawValue) 0x5 ") == true { waits += 1 }
            }
        }
        #expect(waits == 0)
        let result = load.finish()
        #expect(result.succeeded, "\(result)\n\(workers.system.log)")
        kill(master, SIGCONT)
        #expect(workers.wait(of: try workers.client()) != nil)
    }

    @Test("a storm of reports: master never sleeps, and clients of another service are served meanwhile")
    func reports() throws {
        let workers = try IdleWorkers(limit: 4)
        defer { workers.system.end() }
        let system = workers.system
        let other = try FreePort.next()
        try system.setServices(system.services + [Line.inet(other, "serve")])
        #expect(try system.reload())
        try workers.haveTwo()
        let master = try #require(system.recordedPID)
        let tracer = try Traced(master, "-e", "trace=nanosleep,clock_nanosleep,recvfrom,recvmsg,read")
        var served = 0
        // When this thread stands still, a storm may be over before anybody was served beside it.
        for _ in 0..<20 where served <= 5 {
            let load = try workers.storm(exchanges: 20_000)
            while load.isRunning, served < 200 {
                #expect(Caller.pid(.port(other)) != nil, "\(system.log)")
                served += 1
            }
            let result = load.finish(timeout: patience * 2)
            #expect(result.succeeded, "\(result)\n\(system.log)")
        }
        tracer.end()
        #expect(served > 5)
        #expect(!tracer.report.contains("nanosleep"))
        let reads = tracer.report.split(separator: "\n").count
        #expect(reads > 20, "there were reports: \(tracer.report)")
    }
}
