//===----------------------------------------------------------------------===//
// Quartermaster: golden dumps, hostile input, speed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import MasterConfig

@Suite struct GoldenTests {
    @Test("whole configurations come to what the golden files say", arguments: ["plain", "gateway"])
    func goldenFiles(_ name: String) throws {
        var problems: [ConfigProblem] = []
        var parsed = MainDictionary(parsing: try Golden.read("\(name).main.cf"), path: "main.cf", problems: &problems)
        let host = HostFacts(hostName: "mx1", configDirectory: "/etc/postfix")
        let found = MainSettings.evaluate(&parsed, host: host, problems: &problems)
        let ports = PortTable(knownTCPPorts: found.knownTCPPorts, problems: &problems)
        var entries = MasterFile.parse(
            try Golden.read("\(name).master.cf"),
            path: "master.cf",
            settings: found,
            problems: &problems
        )
        entries = MasterFile.withoutDuplicates(entries, ports: ports, path: "master.cf", problems: &problems)
        try Golden.expect(ConfigDump.text(found), equals: "\(name).settings.txt")
        try Golden.expect(ConfigDump.text(entries, ports: ports), equals: "\(name).services.txt")
        try Golden.expect(ConfigDump.text(problems), equals: "\(name).problems.txt")
    }

    /// What Debian's package installs is read without a fatal problem, whatever this machine is configured to be.
    @Test(
        "the files of Debian's package are read without a problem",
        .enabled(if: access("/usr/share/postfix/main.cf.debian", R_OK) == 0, "SKIPPED: needs Debian's postfix")
    )
    func filesOfDebian() throws {
        let directory = "/usr/share/postfix/"
        var problems: [ConfigProblem] = []
        let main = Array(try Data(contentsOf: URL(fileURLWithPath: directory + "main.cf.debian")))
        var parsed = MainDictionary(parsing: main, path: "main.cf.debian", problems: &problems)
        let found = MainSettings.evaluate(&parsed, host: HostFacts(hostName: "vm.example"), problems: &problems)
        let master = Array(try Data(contentsOf: URL(fileURLWithPath: directory + "master.cf.dist")))
        let entries = MasterFile.parse(master, path: found.masterPath, settings: found, problems: &problems)
        #expect(problems.firstFatal == nil)
        #expect(entries.contains { $0.command == "qmgr" && $0.wakeupSeconds == 300 })
    }
}

@Suite struct HostileInputTests {
    /// A small generator, so that every run sees the same inputs.
    private struct Random {
        var state: UInt64
        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(limit))
        }
    }

    private static let pieces =
        [
            "$", "{", "}", "(", ")", "?", ":", "=", "==", "<level", " ", "\t", "\n", "\n ", "#", "!", "a", "b", "smtp",
            "inet", "unix", "n", "-", "1", "99999999999", "[", "]", ",", ".", "/", "\0", "\u{e9}", "\r\n", "max_idle",
            "myhostname", "import_environment", "known_tcp_ports", "ipv6:", "::",
        ].map { Array($0.utf8) } + [[0xff], [0xc3]]

    private func input(_ random: inout Random) -> [UInt8] {
        (0..<random.next(below: 60)).flatMap { _ in Self.pieces[random.next(below: Self.pieces.count)] }
    }

    @Test("no bytes in main.cf make it trap")
    func randomMainConfig() {
        var random = Random(state: 1)
        var evaluated = 0
        for _ in 0..<3_000 {
            var problems: [ConfigProblem] = []
            var parsed = MainDictionary(parsing: input(&random), path: "p", problems: &problems)
            for name in parsed.names {
                let known = problems.count
                let text = Expansion.expand(parsed.lookup(name) ?? "", in: parsed, problems: &problems)
                #expect((text == nil) == problems[known...].contains { $0.severity == .fatal })
                evaluated += 1
            }
            _ = MainSettings.evaluate(&parsed, host: testHost, problems: &problems)
        }
        #expect(evaluated > 100)
    }

    @Test("no bytes in master.cf make it trap")
    func randomMasterConfig() {
        var random = Random(state: 2)
        let found = settings("compatibility_level = 3.6").0
        for _ in 0..<3_000 {
            var problems: [ConfigProblem] = []
            let text = input(&random)
            let lines = LogicalLines.split(text, path: "p", problems: &problems).count
            problems = []
            let entries = MasterFile.parse(text, path: "p", settings: found, problems: &problems)
            #expect(entries.count <= lines)
            #expect(entries.count == lines || problems.hasFatal)
        }
    }

    @Test("brackets that nest too deep are an error, not an overflow")
    func deepBrackets() {
        var problems: [ConfigProblem] = []
        let deep = String(repeating: "${a:", count: 5_000) + "x" + String(repeating: "}", count: 5_000)
        #expect(Expansion.expand(deep, in: MainDictionary(), problems: &problems) == nil)
        #expect(problems.last?.severity == .fatal)
    }

    /// Files 32 times as long cost some 32 times as much, on whatever machine, and not the thousand times of a search
    /// through all lines for each line.
    @Test("the cost grows as the files do")
    func linearCost() {
        let short = (0..<5).map { _ in costOfParsing(lines: 500) }.min() ?? 0
        let long = (0..<2).map { _ in costOfParsing(lines: 16_000) }.min() ?? .max
        #expect(long / max(short, 1) < 200, "\(short) and \(long) nanoseconds")
    }

    /// Nanoseconds of processor time that this thread takes: others on the machine do not count.
    private func costOfParsing(lines: Int) -> Int {
        let main = (0..<lines).map { "parameter_\($0) = $parameter_\($0 + 1), some text" }.joined(separator: "\n")
        let master = (0..<lines).map { "s\($0) unix - - n - - c -o a=b" }.joined(separator: "\n")
        let found = settings().0
        var problems: [ConfigProblem] = []
        let start = threadTime()
        let parameters = MainDictionary(parsing: main, path: "p", problems: &problems).count
        let services = MasterFile.parse(master, path: "p", settings: found, problems: &problems).count
        let cost = threadTime() - start
        #expect(parameters == lines && services == lines)
        return cost
    }

    private func threadTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
