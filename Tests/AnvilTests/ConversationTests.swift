//===----------------------------------------------------------------------===//
// Quartermaster: tests of anvil as its clients see it, over minutes that no test has to wait for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServiceTesting
import Testing

@testable import anvil

@Suite struct ConversationTests {
    private let tester: ServiceTester
    private let client: TestClient

    init() throws {
        tester = try ServiceTester(stream: Anvil.self, settings: ["anvil_rate_time_unit": "60s"])
        client = try tester.connect()
        #expect(try client.received() == "protocol=anvil_protocol\n\n")
    }

    private func ask(
        _ request: String,
        _ ident: String = "smtp:192.0.2.1",
        by other: TestClient? = nil
    ) throws -> String {
        let client = other ?? client
        try client.send("request=\(request)\nident=\(ident)\n\n", inPiecesOf: 7)
        return try client.received()
    }

    @Test("a count is of those who are connected, a rate of the present unit of time")
    func rates() throws {
        #expect(try ask("connect") == "status=0\ncount=1\nrate=1\n\n")
        let other = try tester.connect()
        _ = try other.received()
        #expect(try ask("connect", by: other) == "status=0\ncount=2\nrate=2\n\n")
        #expect(try ask("message") == "status=0\nrate=1\n\n")
        try other.hangUp()
        #expect(try ask("connect").hasPrefix("status=0\ncount=1\nrate=3\n"))
        try tester.advance(seconds: 61)
        #expect(try ask("message") == "status=0\nrate=1\n\n", "of a new unit")
    }

    @Test("peaks are reported as often as is set, and before the process ends")
    func reports() throws {
        _ = try ask("connect")
        try tester.advance(seconds: 599)
        #expect(!tester.log.contains { $0.hasPrefix("statistics: ") })
        try tester.advance(seconds: 1)
        let rate = "statistics: max connection rate 1/60s for (smtp:192.0.2.1) at "
        #expect(tester.log.contains { $0.hasPrefix(rate) }, "\(tester.log)")
        let before = tester.log.count
        _ = try ask("connect", "smtp:192.0.2.2")
        try tester.leave()
        #expect(tester.log.dropFirst(before).contains { $0.contains("(smtp:192.0.2.2)") }, "\(tester.log)")
    }

    @Test("what is no request ends the conversation, and is told of once")
    func nonsense() throws {
        try client.send("nonsense\n\n")
        #expect(try client.isDisconnected())
        let other = try tester.connect()
        try other.send("nonsense\n\n")
        #expect(try other.isDisconnected())
        let told = tester.log.filter { $0.contains("missing attribute request in input") }
        #expect(told == ["warning: missing attribute request in input -- disconnecting the client"])
    }
}
