//===----------------------------------------------------------------------===//
// Quartermaster: tests of master's state as text, JSON and metrics
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TerminalText
import TestSupport
import Testing
import WorkerPage

@testable import MasterOverview
@testable import StatusPage

@Suite("Views of master") struct ViewTests {
    private let sight = Sample.sight

    @Test("status") func status() throws { try Golden.expect(sight.statusText(), equals: "status.txt") }

    @Test("status of each service")
    func services() throws {
        let text = sight.overview.services.map { sight.statusText(of: $0, time: timestamp) }.joined(separator: "\n")
        try Golden.expect(text, equals: "status-services.txt")
    }

    @Test("what stands behind a name that no terminal shows as it is stands where it stands behind the others")
    func columns() throws {
        var sight = sight
        sight.overview.services[0].texts.name = "s\u{1}p"
        let (first, second) = (sight.overview.services[0], sight.overview.services[1])
        let status = sight.statusText()
        let places = try [first, second].map { service in
            let headline = printable(Verdict(service, in: sight).headline)
            let line = try #require(status.split(separator: "\n").first { $0.hasSuffix("  " + headline) })
            return line.count - headline.count
        }
        #expect(places[0] == places[1], "\(status)")

        sight = self.sight
        var own = OwnFigures(name: "smtp/inet")
        own.series = try ["a{b=\"\u{200e}\"}", "much_longer_than_the_other"].map { text in
            OwnSeries(try #require(SeriesName(reading: Array(text.utf8))), .counter)
        }
        sight.own = MetricsOverview()
        sight.own?.services = [own]
        let lines = sight.statusText(of: sight.overview.services[0], time: timestamp).split(separator: "\n").suffix(2)
        #expect(lines.first?.count == lines.last?.count && lines.allSatisfy { $0.hasSuffix("  0") }, "\(lines)")
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
        requested.overview.master.lastReload.warnings = 2
        #expect(requested.statusText().contains("ago, REFUSED for 1 problem and 2 warnings, asked for by uid 0"))
        requested.overview.unreadable = ["process 3"]
        (requested.overview.master.lastReload.turnsLeft, requested.overview.master.lastReload.lastTurn) = (3, 7_300_000)
        var fresh = sight
        fresh.overview.master.lastReload = ReloadOutcome()
        var worked = sight
        (worked.workers, worked.own) = (Sample.workers, Sample.own)
        worked.overview.processes[0].state = .draining
        worked.open = [worked.overview.processes[0].pid: 2]
        let documents = [
            sight.json([.services, .processes, .events]), requested.json([.services]), fresh.json(),
            sight.json(only: sight.services(named: "smtp")), sight.json([]), worked.json([]),
            worked.json([.processes]),
        ]
        for document in documents {
            #expect(try checker.complaints(about: Data(document.utf8)) == [])
        }
        let unused = try checker.unused(by: documents.map { Data($0.utf8) })
        #expect(unused == [])
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

    @Test("why has the shape that the schema gives it")
    func whyJSON() throws {
        let schema = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/status.schema.json")
        let checker = try SchemaChecker(contentsOf: schema)
        for service in sight.overview.services {
            let line = Verdict(service, in: sight).json(name: sight.name(of: service))
            #expect(try checker.complaints(about: Data(line.utf8), as: "why") == [])
        }
        for event in sight.overview.events {
            #expect(try checker.complaints(about: Data(event.json.utf8), as: "event") == [])
        }
        #expect(try checker.complaints(about: Data("{\"service\":1}".utf8), as: "why").count == 5)
    }

    @Test("clients that wait: a look tells for three seconds; then nothing is known, unless somebody takes who comes")
    func waiting() {
        var service = sight.overview.services[0]
        #expect(service.waiting(at: Sample.now) == 17)
        #expect(service.waiting(at: service.load.waitingSeen + 3000) == 17)
        #expect(service.waiting(at: service.load.waitingSeen + 3001) == nil)
        for cover in ServiceCover.allCases {
            (service.load.cover, service.load.waitingSeen) = (cover, 0)
            #expect((service.waiting(at: Sample.now) == 0) == [.idleProcesses, .master].contains(cover), "\(cover)")
        }
        // Though no other may be started, those that are there take clients.
        (service.load.cover, service.load.idle) = (.throttled, 1)
        #expect(service.waiting(at: Sample.now) == 0)

        let throttled = sight.overview.services[1]
        #expect(sight.json(only: [throttled]).contains("\"waitingClients\":null"))
        #expect(sight.statusText(of: throttled, time: timestamp).contains("not known: not looked at yet"))
        let metric = "\nquartermaster_service_waiting_clients{"
        #expect(!sight.metrics().contains(metric + "service=\"cleanup\""))
        #expect(sight.metrics().contains(metric + "service=\"smtp\",type=\"inet\"} 17\n"))
    }

    @Test("a page that was made to mislead comes out within bounds that can be counted with")
    func hostile() throws {
        let layout = PageLayout(services: 3, processes: 2, events: 2)
        for word in [UInt64.max, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0x7fff_ffff_7fff_ffff] {
            var words = [UInt64](repeating: word, count: layout.pageSize / 8)
            for (index, value) in layout.header(heartbeat: word).enumerated() { words[index] = value }
            for table in [layout.master, layout.services, layout.processes, layout.events] {
                for row in 0..<table.count { words[table.place(row) / 8] = 2 }
            }
            let page = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            let overview = try #require(
                try PageReader().read { offset, count in Array(page[offset..<min(offset + count, page.count)]) }.get()
            )
            #expect(overview.services.count == 3 && overview.events.count == 2)
            for life in [MasterLife.runs, .isStopped, .isGone] {
                let sight = Sight(overview, now: Sample.now, life: life)
                var view = TopView(style: LiveStyle(columns: 120, hasColors: false))
                view.look(Sample.sight)
                view.look(sight)
                var texts = [
                    sight.statusText(), sight.servicesText(), sight.processesText(), sight.metrics(), sight.json(),
                ]
                texts += overview.services.map { sight.statusText(of: $0, time: timestamp) }
                texts += overview.services.map { Verdict($0, in: sight).text(name: "x") }
                texts += overview.events.map { $0.text(time: timestamp) }
                texts += view.lines().map { $0.text(colors: false) }
                #expect(texts.allSatisfy { !$0.isEmpty })
            }
        }
    }

    @Test("a last turn of a reload that never was is told as one of some time")
    func hostileTurns() {
        var sight = Sample.sight
        for moment in [Int64.min, .max] {
            sight.overview.master.lastReload.result = .accepted
            (sight.overview.master.lastReload.turnsLeft, sight.overview.master.lastReload.lastTurn) = (1, moment)
            sight.overview.master.bound()
            #expect(sight.statusText().contains("spread out: 1 service left"))
            #expect(!sight.json().isEmpty)
        }
    }

    @Test("a service that was removed and is there again is told once, and its events are found")
    func comeBack() throws {
        var sight = Sample.sight
        var old = Sample.service(9, "pickup", "unix", "public/pickup", "pickup")
        old.load.cover = .leaving
        sight.overview.services.append(old)
        let new = try #require(sight.services(named: "pickup").first)
        #expect(sight.name(of: new) == "pickup/unix" && sight.name(of: old) == "public/pickup/unix")
        #expect(sight.isPredecessor(old) && !sight.isPredecessor(new))
        let series = sight.metrics().split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            $0.prefix { $0 != " " }
        }
        #expect(Set(series).count == series.count, "each once")
        #expect(series.contains { $0.contains("service=\"pickup\"") })
        // What was removed for good is told under its name as long as it has processes.
        sight.overview.services.removeAll { $0.row == new.row }
        #expect(sight.metrics().contains("service=\"pickup\""))
    }

    @Test("an event is found by the service that it is about, also where two have the name or it is long")
    func eventsOfServices() {
        let sight = Sample.sight
        let echoes = sight.services(named: "echo")
        var event = EventEntry()
        (event.serviceName, event.service) = ("echo/unix", 5)
        #expect(echoes.filter { sight.isAbout(event, $0) }.map(\.row) == [5])
        event.serviceName = "smtp/inet"
        #expect(!echoes.contains { sight.isAbout(event, $0) })
        var long = Sample.service(8, String(repeating: "x", count: 90), "unix", "private/x", "x")
        event.serviceName = String(repeating: "x", count: EventEntry.longestName)
        #expect(sight.isAbout(event, long))
        long.texts.name = "y" + long.texts.name
        #expect(!sight.isAbout(event, long))
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

    @Test("what services count themselves is in the metrics, in JSON, and in the status of a service")
    func own() throws {
        var sight = sight
        sight.own = Sample.own
        let plain = Sample.sight
        let text = sight.metrics().dropFirst(plain.metrics().count - "# EOF\n".count)
        let older = sight.metrics(.prometheus).dropFirst(plain.metrics(.prometheus).count)
        func json(_ services: [ServiceOverview]?) -> Substring {
            let json = sight.json([], only: services).replacing("},{", with: "},\n{")
            return json[(json.range(of: ",\"own\"")?.lowerBound ?? json.startIndex)...]
        }
        let smtp = sight.services(named: "smtp")
        let status = smtp.map { sight.statusText(of: $0) { _ in "" } }.joined()
        let lines = status[(status.range(of: "its own figures")?.lowerBound ?? status.startIndex)...]
        let all = [text, older, json(nil), json(smtp), lines]
        try Golden.expect(all.joined(separator: "\n") + "\n", equals: "own.txt")
        // One kind for each name, no series twice, and nothing left out in silence.
        let families = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(Set(families).count == families.count)
        let samples = text.split(separator: "\n").filter { $0.hasPrefix("quartermaster_app_") }
        #expect(Set(samples.map { $0.prefix { $0 != "}" } }).count == samples.count)
        #expect(text.contains("quartermaster_own_dropped_series 5\n"), "clashes, requests twice, a sum, and one before")
    }

    @Test("names that no worker of ours writes make no series, so none is there twice")
    func halfNames() {
        var (hostile, honest) = (sight, sight)
        (hostile.workers, honest.workers) = (Sample.workers, Sample.workers)
        hostile.workers?.services += ["x", "x/", "", "/"].map { WorkerFigures(name: $0) }
        (hostile.own, honest.own) = (Sample.own, Sample.own)
        var none = Sample.own.services[0]
        for name in ["x", "x/", "", "/"] {
            none.name = name
            hostile.own?.services.append(none)
        }
        #expect(hostile.metrics() == honest.metrics())
    }

    @Test("services are found by name, by name and type, and by path")
    func names() {
        #expect(sight.services(named: "smtp").map(\.row) == [0])
        #expect(sight.services(named: "smtp/inet").map(\.row) == [0])
        #expect(sight.services(named: "echo").map(\.row) == [3, 5])
        #expect(sight.services(named: "public/echo").map(\.row) == [5])
        #expect(sight.services(named: "public/echo/unix").map(\.row) == [5])
        #expect(sight.services(named: "smtp/unix").isEmpty)
        // Where nothing has the name: the port, the program.
        #expect(sight.services(named: "25").map(\.row) == [0])
        #expect(sight.services(named: "smtpd").map(\.row) == [0])
        #expect(sight.services(named: "/opt/\"quoted\"/echo").map(\.row) == [3])
        #expect(sight.services(named: "2").isEmpty && sight.services(named: "").isEmpty)
        #expect(
            sight.overview.services.map { sight.name(of: $0) } == [
                "smtp/inet", "cleanup/unix", "pickup/unix", "private/echo/unix", "public/echo/unix",
            ]
        )
    }
}
