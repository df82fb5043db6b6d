//===----------------------------------------------------------------------===//
// Quartermaster: golden dumps, hostile input, speed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import MasterConfig

@Suite struct GoldenTests {
    @Test(arguments: ["plain", "gateway"])
    func wholeConfigurations(_ name: String) throws {
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

    /// The system's own files, where it has them, are read without a fatal problem.
    @Test(.enabled(if: FileManager.default.isReadableFile(atPath: "/etc/postfix/master.cf")))
    func theInstalledConfiguration() throws {
        var problems: [ConfigProblem] = []
        let main = Array(try Data(contentsOf: URL(fileURLWithPath: "/etc/postfix/main.cf")))
        var parsed = MainDictionary(parsing: main, path: "/etc/postfix/main.cf", problems: &problems)
        let found = MainSettings.evaluate(&parsed, host: HostFacts(hostName: "vm.example"), problems: &problems)
        let master = Array(try Data(contentsOf: URL(fileURLWithPath: "/etc/postfix/master.cf")))
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

    @Test func nothingTrapsInMainCf() {
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

    @Test func nothingTrapsInMasterCf() {
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

    @Test func deepBracketsEnd() {
        var problems: [ConfigProblem] = []
        let deep = String(repeating: "${a:", count: 5_000) + "x" + String(repeating: "}", count: 5_000)
        #expect(Expansion.expand(deep, in: MainDictionary(), problems: &problems) == nil)
        #expect(problems.last?.severity == .fatal)
    }

    @Test func tenThousandLinesTakeLittleTime() {
        let main = (0..<10_000).map { "parameter_\($0) = $parameter_\($0 + 1), some text" }.joined(separator: "\n")
        let master = (0..<10_000).map { "s\($0) unix - - n - - c -o a=b" }.joined(separator: "\n")
        let found = settings().0
        let clock = ContinuousClock()
        var counts = (0, 0)
        let time = clock.measure {
            var problems: [ConfigProblem] = []
            counts.0 = MainDictionary(parsing: main, path: "p", problems: &problems).count
            counts.1 = MasterFile.parse(master, path: "p", settings: found, problems: &problems).count
        }
        #expect(counts == (10_000, 10_000))
        // Some 20 ms when optimised; the bound is for a debug build on a loaded machine.
        #expect(time < .seconds(10))
    }
}
