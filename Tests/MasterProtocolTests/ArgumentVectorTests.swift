//===----------------------------------------------------------------------===//
// Quartermaster: tests of the children's command line, written and read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@Suite("The command line of a child") struct ArgumentVectorTests {
    /// Every combination of the options that are a letter, with and without those that have a value.
    private static var cases: [DaemonOptions] {
        (0..<128).flatMap { bits in
            var options = DaemonOptions()
            options.isAlone = bits & 1 != 0
            options.isUnlimited = bits & 2 != 0
            options.isForeground = bits & 4 != 0
            options.isUnprivileged = bits & 8 != 0
            options.isChroot = bits & 16 != 0
            options.isDebugged = bits & 32 != 0
            options.isOneShot = bits & 64 != 0
            options.transportName = "unix"
            var full = options
            full.logsToStandardError = true
            full.verbosity = bits % 3
            full.serviceName = "-n"
            full.transportName = "pass"
            full.socketCount = 2 + bits
            full.overrides = [
                .calm, .idleTime("5s"), .useLimit("7"), .parameter(name: "smtpd_banner", value: "a = b -c"),
                .parameter(name: "empty", value: ""),
            ]
            full.arguments = ["argument", "-v", ""]
            return [options, full]
        }
    }

    @Test("What master writes is what a child reads")
    func roundTrip() throws {
        for options in Self.cases {
            let vector = ArgumentVector(command: "dir/command", options)
            #expect(vector.arguments.first == "dir/command")
            #expect(try DaemonOptions(parsing: Array(vector.arguments.dropFirst()), for: .stream) == options)
            var stressed = options
            if !stressed.overrides.isEmpty { stressed.overrides[0] = .stressed }
            #expect(try DaemonOptions(parsing: Array(vector.underStress.dropFirst()), for: .stream) == stressed)
        }
    }

    @Test("What a line of master.cf says comes last and wins")
    func theLineWins() throws {
        var options = DaemonOptions()
        options.overrides = [.calm]
        options.arguments = ["-o", "stress=mine", "-c", "file"]
        let vector = ArgumentVector(command: "c", options)
        #expect(vector.arguments == ["c", "-o", "stress=", "-o", "stress=mine", "-c", "file"])
        #expect(vector.underStress == ["c", "-o", "stress=yes", "-o", "stress=mine", "-c", "file"])
        let read = try DaemonOptions(parsing: Array(vector.underStress.dropFirst()), for: .datagram)
        #expect(read.overrides.last == .parameter(name: "stress", value: "mine"))
        #expect(read.isChroot)
        #expect(read.arguments == ["file"])
    }

    @Test(
        "A number is read as atoi(3) reads it",
        arguments: [
            ("", 0), ("x", 0), ("7", 7), ("  -12x", -12), ("+5", 5), ("- 5", 0), ("007", 7), ("5-", 5), ("\u{b}9", 9),
            ("2147483647", 2_147_483_647), ("2147483648", 2_147_483_647), ("-2147483648", -2_147_483_648),
            ("-99999999999999999999", -2_147_483_648), ("٣", 0),
        ]
    )
    func numbers(_ text: String, _ value: Int) {
        #expect(LeadingInteger.value(of: text) == value)
    }

    @Test("A number says whether it was one, whether it fitted, and what follows")
    func aboutNumbers() {
        let number = LeadingInteger(Array("12 a".utf8)[...])
        #expect(number.hasDigits && !number.isTooLarge && number.rest == [32, 97])
        let none = LeadingInteger(Array(" -a".utf8)[...])
        #expect(!none.hasDigits && none.rest.count == 3)
        #expect(LeadingInteger(Array("2147483648".utf8)[...]).isTooLarge)
        #expect(!LeadingInteger(Array("-2147483648".utf8)[...]).isTooLarge)
    }
}
