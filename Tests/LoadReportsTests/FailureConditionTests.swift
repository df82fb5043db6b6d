//===----------------------------------------------------------------------===//
// Quartermaster: conditions that fail a measurement
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import LoadReports

@Suite("fail-if")
struct FailureConditionTests {
    private func violations(_ text: String, _ runs: RunReport...) throws -> [String] {
        try FailureCondition(text).violations(in: Sample.record(runs))
    }

    @Test(
        "true ones say the value",
        arguments: [
            ("p50>99us", "it is 100.0 µs"), ("p50>=100us", "it is 100.0 µs"), ("p99.9>=199999ns", "it is 200.0 µs"),
            ("max>1ms", "it is 5000.0 µs"), ("total.max > 4.9 ms", "it is 5000.0 µs"),
            ("connect.p99<5ms", "it is 10.0 µs"),
            ("min<1s", "it is 100.0 µs"), ("mean>0.1ms", "it is 112.4 µs"), ("p100>=5ms", "it is 5000.0 µs"),
            ("rate<50000", "it is 1000.0/s"), ("rate<=1k/s", "it is 1000.0/s"), ("rate<2k", "it is 1000.0/s"),
            ("errors>0", "it is 2"), ("errors>=0.0997%", "it is 0.0998 %"), ("refused>2", "it is 3"),
            ("cpu>99us", "it is 100.00 µs per exchange"), ("retries>=7", "it is 7"), ("answered<2001", "it is 2000"),
            ("opened>0", "it is 2005"), ("connections>0", "it is 2003"), ("late>=0", "it is 0"),
            ("unaccounted<1", "it is 0"),
        ] as [(String, String)]
    )
    func violated(text: String, words: String) throws {
        let found = try violations(text, Sample.run(failed: ["reset": 2]))
        #expect(found == ["fail-if \(text): \(words)"])
    }

    @Test(
        "untrue ones are silent",
        arguments: [
            "p50>100us", "p99<200us", "max>=5.1ms", "rate<1000", "errors>2", "errors>0.1%", "refused>3", "cpu>100us",
            "connect.max>10us", "unaccounted>0", "late>0", "p99.9>5ms",
        ]
    )
    func kept(text: String) throws { #expect(try violations(text, Sample.run(failed: ["reset": 2])) == []) }

    @Test("any run, named by its number")
    func anyRun() throws {
        let runs = [Sample.run(), Sample.run(rate: 10), Sample.run(), Sample.run(rate: 20)]
        let found = try FailureCondition("rate<100").violations(in: Sample.record(runs))
        #expect(found == ["run 2: fail-if rate<100: it is 10.0/s", "run 4: fail-if rate<100: it is 20.0/s"])
    }

    @Test("what cannot be told does not pass unseen")
    func absent() throws {
        #expect(try violations("errors>0") == ["fail-if errors>0: there was no run"])
        #expect(try violations("p99>1s", Sample.emptyRun) == ["fail-if p99>1s: cannot be told: nothing was answered"])
        #expect(
            try violations("errors>1%", Sample.emptyRun) == ["fail-if errors>1%: cannot be told: nothing was opened"]
        )
        #expect(
            try violations("first-byte.p50>1s", Sample.run())
                == ["fail-if first-byte.p50>1s: cannot be told: there was no phase \"first byte\""]
        )
        #expect(
            try violations("cpu>1s", Sample.run(server: nil))
                == ["fail-if cpu>1s: cannot be told: no server was watched (--pid), or nothing was answered"]
        )
        #expect(try violations("errors>0", Sample.emptyRun) == [])
        #expect(
            try violations("p99.9>1s", Sample.run(rate: 50))
                == ["fail-if p99.9>1s: cannot be told: 100 exchanges are too few, it takes 1000"]
        )
    }

    @Test(
        "a text that is no condition says why, and what is one",
        arguments: [
            ("", "none of > >= < <="), ("p99", "none of > >= < <="), ("p99=1ms", "none of > >= < <="),
            (">1", "\"\" is no figure"), ("speed>1", "\"speed\" is no figure"), ("p0>1s", "from above 0 to 100"),
            ("p101>1s", "from above 0 to 100"), ("p1e1>1s", "\"p1e1\" is no figure"), ("pinf>1s", "is no figure"),
            ("dance.p50>1s", "\"dance.p50\" is no figure"), ("connect.errors>1", "is no figure"),
            ("p99>", "does not begin with a number"), ("p99>ms", "does not begin with a number"),
            ("p99>-1ms", "does not begin with a number"), ("p99>1.2.3ms", "does not begin with a number"),
            ("p99>10", "there is no unit: there are ns, us, µs, ms, s"), ("p99>10y", "\"y\" is no unit here"),
            ("errors>1ms", "\"ms\" is no unit here: there are none, %"), ("rate<5%", "is no unit here"),
            ("cpu>5", "there is no unit"), ("errors>>1", "does not begin with a number"),
            ("p99\u{1b}>1s", "\"p99\\u{1b}\""),
        ] as [(String, String)]
    )
    func nonsense(text: String, words: String) {
        let problem = #expect(throws: FailureConditionProblem.self) { try FailureCondition(text) }
        #expect(problem?.description.contains(words) == true, "\(String(describing: problem))")
        #expect(problem?.description.contains("Understood are") == true)
    }
}
