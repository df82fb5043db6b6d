//===----------------------------------------------------------------------===//
// Quartermaster: the long run: reloads without end under load, and nothing grows
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// Runs with `scripts/test --soak`.
@Suite(
    "A master in use for long",
    .enabled(if: ProcessInfo.processInfo.environment["QM_SOAK"] != nil, "runs with scripts/test --soak"),
    .timeLimit(.minutes(60))
)
struct SoakTests {
    @Test("two minutes of reloads under load: nothing is lost, no descriptor and no memory stays behind")
    func reloadsForMinutes() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve", maxproc: 3), Line.unix("talk", "serve", maxproc: 3)])
        defer { system.end() }
        let master = try system.start()
        let clients = SteadyClients([.port(port), .path(system.queueDirectory + "/public/talk")], each: 3)
        defer { clients.finish() }
        #expect(clients.served(50))
        var afterWarmUp: (descriptors: Int, kilobytes: Int)?
        let end = Date(timeIntervalSinceNow: 120)
        var round = 0
        while Date() < end || round < 100 {
            let extra = round % 2 == 0 ? [Line.unix("extra\(round % 7)", "serve")] : []
            try system.setServices(Array(system.services.prefix(2)) + extra)
            kill(master.pid, SIGHUP)
            round += 1
            #expect(system.wait(for: " reload -- version ", count: round))
            if round == 50 { afterWarmUp = use(of: master.pid) }
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        let before = try #require(afterWarmUp)
        let after = use(of: master.pid)
        // A service more or less, and the wake-ups under way.
        #expect(after.descriptors <= before.descriptors + 8, "\(before) \(after) after \(round) reloads")
        #expect(after.kilobytes <= before.kilobytes + 1024, "\(before) \(after) after \(round) reloads")
    }

    private func use(of pid: Int32) -> (descriptors: Int, kilobytes: Int) {
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (descriptors, Int(line.filter(\.isNumber)) ?? 0)
    }
}
