//===----------------------------------------------------------------------===//
// Quartermaster: tests of master's state as text, JSON and metrics
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing
import WorkerPage

@testable import MasterOverview

@Suite("Views of master") struct ViewTests {
    private let sight = Sample.sight

    @Test("status") func status() throws { try Golden.expect(sight.statusText(), equals: "status.txt") }

    @Test("status of each service")
    func services() throws {
        let text = sight.overview.services.map { sight.statusText(of: $0, time: timestamp) }.joined(separator: "\n")
        try Golden.expect(text, equals: "status-services.txt")
    }

    @Test("tables of services and processes")
    func tables() throws {
        let text =
            sight.servicesText() + "\n" + sight.processesText()
            + "\n" + sight.processesText(sight.services(named: "smtp"))
        try Golden.expect(text, equals: "tables.txt")
    }

    @Test("what a drain waits for")
    func left() {
        let smtp = "5001 of smtp/inet, busy for 30s"
        let pickup = "5002 of pickup/unix, idle for 3.0s"
        #expect(sight.leftText() == "2 processes have not left yet: \(smtp); \(pickup)")
        #expect(sight.leftText(of: "pickup") == "1 process has not left yet: \(pickup)")
        #expect(sight.leftText(of: "cleanup/unix") == "no process is left, so it cannot take long")
        var many = sight
        many.overview.processes = (0..<8).map { number in
            var process = sight.overview.processes[0]
            process.pid += UInt32(number)
            return process
        }
        #expect(many.leftText(of: "smtp").hasSuffix("5005 of smtp/inet, busy for 30s; and 3 more"))
    }

    @Test("events, each kind of them")
    func events() throws {
        let lines = sight.overview.events.map { $0.text(time: timestamp) + "\n" + $0.json + "\n" }
        try Golden.expect(lines.joined(), equals: "events.txt")
    }

    @Test("a master that is stopped, dead or silent is not passed off as one that runs")
    func notCurrent() throws {
        var text = ""
        for life in [MasterLife.isStopped, .isGone, .runs] {
            var sight = sight
            (sight.life, sight.now) = (life, sight.now + 86_400_000)
            #expect(!sight.isCurrent && sight.shownMoment == sight.overview.heartbeat)
            text += sight.statusText() + sight.statusText(of: sight.overview.services[0], time: timestamp) + "\n"
            #expect(sight.metrics().contains("\nquartermaster_up 0\n"))
            #expect(sight.json().contains("\"isCurrent\":false"))
        }
        try Golden.expect(text, equals: "not-current.txt")
    }

    @Test("JSON has the shape of docs/status.schema.json, which lists nothing that is never there")
    func json() throws {
        let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/status.schema.json")
        let checker = try SchemaChecker(contentsOf: schema)
        var requested = sight
        requested.overview.master.lastReload.cause = .request
        requested.overview.unreadable = ["process 3"]
        var fresh = sight
        fresh.overview.master.lastReload = ReloadOutcome()
        var worked = sight
        worked.workers = Sample.workers
        let documents = [
            sight.json([.services, .processes, .events]), requested.json([.services]), fresh.json(),
            sight.json(only: sight.services(named: "smtp")), sight.json([]), worked.json([]),
        ]
        for document in documents {
            #expect(try checker.complaints(about: Data(document.utf8)) == [])
        }
        #expect(try checker.unused(by: documents.map { Data($0.utf8) }) == [])
        try Golden.expect(documents[0].replacing("},{", with: "},\n{") + "\n", equals: "status.json")
    }

    @Test("any bytes of a name survive as text in JSON")
    func quoting() throws {
        var sight = sight
        let name = "a\"b\\c\u{1}\n\u{7f}\u{2028}ü€😀"
        sight.overview.services[0].texts.name = name
        let document = try JSONSerialization.jsonObject(with: Data(sight.json().utf8)) as? [String: Any]
        let services = document?["services"] as? [[String: Any]]
        #expect(services?.first?["name"] as? String == name)
        #expect(!sight.servicesText().contains("\u{1}"), "a terminal gets nothing that moves its cursor")
    }

    @Test("metrics") func metrics() throws { try Golden.expect(sight.metrics(), equals: "metrics.txt") }

    @Test("metrics in the older format differ where they have to")
    func olderMetrics() throws {
        try Golden.expect(sight.metrics(.prometheus), equals: "metrics-older.txt")
    }

    @Test("what daemons count is in the metrics, in either format, and in JSON")
    func work() throws {
        var sight = sight
        sight.workers = Sample.workers
        let plain = Sample.sight
        let text = sight.metrics().dropFirst(plain.metrics().count - "# EOF\n".count)
        let older = sight.metrics(.prometheus).dropFirst(plain.metrics(.prometheus).count)
        let json = sight.json([]).replacing("},{", with: "},\n{")
        let work = json[(json.range(of: ",\"work\"")?.lowerBound ?? json.startIndex)...]
        try Golden.expect(text + "\n" + older + "\n" + work + "\n", equals: "work.txt")
    }

    @Test("services are found by name, by name and type, and by path")
    func names() {
        #expect(sight.services(named: "smtp").map(\.row) == [0])
        #expect(sight.services(named: "smtp/inet").map(\.row) == [0])
        #expect(sight.services(named: "echo").map(\.row) == [3, 5])
        #expect(sight.services(named: "public/echo").map(\.row) == [5])
        #expect(sight.services(named: "public/echo/unix").map(\.row) == [5])
        #expect(sight.services(named: "smtp/unix").isEmpty)
        #expect(
            sight.overview.services.map { sight.name(of: $0) } == [
                "smtp/inet", "cleanup/unix", "pickup/unix", "private/echo/unix", "public/echo/unix",
            ]
        )
    }
}

@Suite("Why a service does not serve") struct VerdictTests {
    @Test("every reason, with its cure")
    func reasons() throws {
        var sight = Sample.sight
        var text = ""
        for cover in ServiceCover.allCases {
            sight.overview.services[0].load.cover = cover
            text += "[\(cover.name)]\n" + Verdict(sight.overview.services[0], in: sight).text(name: "smtp/inet") + "\n"
        }
        let programs: [ProgramFacts] = [.isMissing(path: "/x/smtpd"), .isNotExecutable(path: "/x/smtpd"), .isFine]
        for program in programs {
            let verdict = Verdict(sight.overview.services[2], in: sight, program: program)
            text += "[\(program)]\n" + verdict.text(name: "pickup/unix") + verdict.json(name: "pickup/unix") + "\n\n"
        }
        for life in [MasterLife.isGone, .isStopped] {
            sight.life = life
            text += "[\(life.name)]\n" + Verdict(sight.overview.services[2], in: sight).text(name: "pickup/unix") + "\n"
        }
        try Golden.expect(text, equals: "why.txt")
    }

    @Test("what is fine is not called a trouble, and the other way round")
    func trouble() {
        var sight = Sample.sight
        for cover in ServiceCover.allCases {
            sight.overview.services[0].load.cover = cover
            let isFine = [.starting, .idleProcesses, .master].contains(cover)
            #expect(Verdict(sight.overview.services[0], in: sight).isTrouble == !isFine)
            sight.life = .isGone
            #expect(Verdict(sight.overview.services[0], in: sight).isTrouble)
            sight.life = .runs
        }
    }
}
