//===----------------------------------------------------------------------===//
// Quartermaster: records as JSON, and the schema that describes them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadReports
import TestSupport
import Testing

@Suite("records as JSON")
struct RecordJSONTests {
    private static let schemaPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/bench-accept.schema.json")

    private static var everything: [LoadRecord] {
        var full = Sample.record([Sample.run(failed: ["reset": 2]), Sample.run(server: nil), Sample.emptyRun])
        full.runs[1].ledger.strays = StrayReplies()
        full.setup.intendedRate = 1e5
        full.setup.profile = "ramp 1000..50000"
        return [full, Sample.record([]), Sample.hostile, Sample.huge]
    }

    @Test("what was written is read back", arguments: everything)
    func roundTrip(record: LoadRecord) throws {
        let text = try record.json()
        #expect(try LoadRecord(json: Array(text.utf8), name: "a.json") == record)
        #expect(text.hasSuffix("}\n"))
        #expect(try record.json() == text)
    }

    @Test("what is written fits the schema", arguments: everything)
    func schema(record: LoadRecord) throws {
        let checker = try SchemaChecker(contentsOf: Self.schemaPath)
        #expect(try checker.complaints(about: Data(record.json().utf8)) == [])
    }

    @Test(
        "the schema notices what is wrong",
        arguments: [
            ("\"schema\":2", "\"schema\":3", "$.schema: not 2"),
            ("\"tool\":", "\"fool\":", "$: tool is missing"),
            ("\"tool\":", "\"fool\":", "$: fool is not known"),
            ("\"clients\":50", "\"clients\":\"50\"", "$.setup.clients: not integer"),
            ("\"clients\":50", "\"clients\":0", "$.setup.clients: below 1"),
            ("\"shape\":\"storm\"", "\"shape\":\"dance\"", "$.setup.shape: none of those listed"),
            ("\"reset\":2", "\"reset\":2.5", "$.runs[0].ledger.failed.reset: not integer"),
            ("\"refused\":3", "\"refused\":-3", "$.runs[0].ledger.refused: below 0"),
            ("[100000,1800]", "[100000]", "$.runs[0].phases[1].buckets[0]: not 2 of them"),
            ("[100000,1800]", "[100000,-1]", "$.runs[0].phases[1].buckets[0][1]: below 0"),
        ] as [(String, String, String)]
    )
    func wrong(old: String, new: String, complaint: String) throws {
        let text = try Sample.record([Sample.run(failed: ["reset": 2])]).json()
        #expect(text.contains(old))
        let complaints = try SchemaChecker(contentsOf: Self.schemaPath)
            .complaints(about: Data(text.replacing(old, with: new).utf8))
        #expect(complaints.contains(complaint), "\(complaints)")
    }

    @Test("every member that can be written is in the schema's list of members, and the other way round")
    func completeness() throws {
        let checker = try SchemaChecker(contentsOf: Self.schemaPath)
        #expect(try checker.unused(by: Self.everything.map { Data(try $0.json().utf8) }) == [])
    }

    @Test(
        "a file that is none is refused by name",
        arguments: [
            ("", "it is not JSON"), ("{", "it is not JSON"), ("[]", "has another type"), ("{}", "schema is missing"),
            ("{\"schema\": 1}", "schema 1, this program reads 2"), ("{\"schema\": 2}", "is missing"),
        ] as [(String, String)]
    )
    func unreadable(text: String, words: String) {
        let problem = #expect(throws: RecordProblem.self) { try LoadRecord(json: Array(text.utf8), name: "x y.json") }
        #expect(problem?.description.hasPrefix("x y.json: ") == true)
        #expect(problem?.description.contains(words) == true, "\(String(describing: problem))")
    }

    @Test(
        "figures that cannot have been measured",
        arguments: [
            ("\"refused\":3", "\"refused\":-3", "ledger.it has a negative count"),
            ("\"refused\":3", "\"refused\":9223372036854775807", "ledger.its counts are too large"),
            ("[100000,", "[300000,", "total: the buckets are not in order"),
            ("\"name\":\"connect\"", "\"name\":\"total\"", "phases has one of them twice"),
            ("\"maximum\":10000", "\"maximum\":1", "connect: minimum and maximum do not fit"),
            ("\"seconds\":2", "\"seconds\":-2", "seconds is no length of time"),
            ("\"open\":50", "\"open\":-50", "timeline has a negative number"),
        ] as [(String, String, String)]
    )
    func impossible(old: String, new: String, words: String) throws {
        let text = try Sample.record([Sample.run()]).json()
        #expect(text.contains(old))
        let damaged = Array(text.replacing(old, with: new).utf8)
        let problem = #expect(throws: RecordProblem.self) { try LoadRecord(json: damaged, name: "a") }
        #expect(problem?.description.contains(words) == true, "\(String(describing: problem))")
    }

    @Test("a figure that JSON has no number for")
    func notFinite() {
        var run = Sample.run()
        run.phases[1].mean = .nan
        #expect(throws: RecordProblem.notFinite(what: "runs.[0].phases.[1].mean")) { try Sample.record([run]).json() }
    }
}
