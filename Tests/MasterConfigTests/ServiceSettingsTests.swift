//===----------------------------------------------------------------------===//
// Quartermaster: tests of settings for one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterConfig

@Suite("Settings for one service") struct ServiceSettingsTests {
    private func evaluate(_ main: String, _ type: Transport = .unix) -> (ServiceSettings, [ConfigProblem]) {
        let entry = ServiceEntry(nameAsWritten: "smtp", type: type, command: "c", executablePath: "/c")
        var problems: [ConfigProblem] = []
        let general = settings(main).0
        let found = ServiceSettings(of: entry, in: dictionary(main), general: general, problems: &problems)
        return (found, problems)
    }

    @Test("The more exact name wins, whatever the order of the lines")
    func precedence() {
        let main = """
            smtp_inet_master_concurrent_starts = 1
            master_concurrent_starts = 3
            smtp_master_concurrent_starts = $master_concurrent_starts$master_concurrent_starts
            service_throttle_time = 5
            """
        #expect(evaluate(main, .inet).0.concurrentStarts == 1)
        #expect(evaluate(main, .unix).0.concurrentStarts == 33)
        #expect(evaluate(main, .inet).0.throttleSeconds == 5)
        #expect(evaluate("").0 == ServiceSettings())
        #expect(evaluate(main).1.isEmpty)
    }

    @Test("A value that is none is a warning with its line, and the next more general one counts")
    func badValues() {
        let main = """
            smtp_unix_service_throttle_time = later
            smtp_service_throttle_time = 7s
            smtp_master_concurrent_starts = many
            """
        let (found, problems) = evaluate(main)
        #expect(found.throttleSeconds == 7)
        #expect(found.concurrentStarts == 0)
        #expect(problems.map(\.severity) == [.warning, .warning])
        #expect(problems.map(\.line) == [1, 3])
        #expect(problems.allSatisfy { $0.text.hasSuffix(" -- ignored") })
    }
}
