//===----------------------------------------------------------------------===//
// Quartermaster: tests of the parameters that only Postfix's own programs use
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterConfig

@Suite struct SharedParametersTests {
    private func problems(_ main: String) -> [ConfigProblem] {
        var parsed = dictionary("compatibility_level = 3.6\n" + main)
        var none: [ConfigProblem] = []
        _ = MainSettings.evaluate(&parsed, host: testHost, problems: &none)
        return SharedParameters.problems(parsed)
    }

    @Test("the defaults are good")
    func defaults() { #expect(problems("") == []) }

    @Test(
        "mistakes, in the words of Postfix's programs, with their place",
        arguments: [
            ("soft_bounce = on", "bad boolean configuration: soft_bounce = on"),
            ("message_size_limit = 10M", "bad numerical configuration: message_size_limit = 10M"),
            ("line_length_limit = 100", "invalid line_length_limit parameter value 100 < 512"),
            ("delay_logging_resolution_limit = 7", "invalid delay_logging_resolution_limit parameter value 7 > 6"),
            ("stale_lock_time = 0", "invalid stale_lock_time: 0 (min 1)"),
            ("myorigin =", "bad string length 0 < 1: myorigin = "),
            ("mynetworks_style = world", "unknown mynetworks mask style value \"world\" in \"world\""),
            ("relayhost = ${", "dictionary mail_dict: macro processing error: truncated macro reference: \"${\""),
            ("mydestination = $(", "dictionary mail_dict: macro processing error: truncated macro reference: \"$(\""),
            (
                "verp_delimiter_filter = x",
                "parameters default_verp_delimiters and verp_delimiter_filter:"
                    + " bad first VERP delimiter character"
            ),
        ]
    )
    func mistakes(_ line: String, _ text: String) {
        let found = problems(line).filter { $0.severity == .fatal }
        #expect(found.map(\.text) == [text])
        #expect(found.map(\.line) == [2])
    }

    @Test(
        "compatibility levels as Postfix 3.7 reads them",
        arguments: [
            ("9999", 9999), ("2048", 2048), ("+1", 1), ("8796093022207", 8_796_093_022_207), ("8796093022208", nil),
            ("-1", nil), ("", nil), ("1.", nil), ("1.2.3.4", nil), ("1.1024", nil), ("3x", nil), ("1.+2", 1),
        ] as [(String, Int?)]
    )
    func levels(_ text: String, _ major: Int?) {
        #expect(CompatibilityLevel(text)?.major == major)
    }
}
