//===----------------------------------------------------------------------===//
// Quartermaster: the report for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension LoadReport {
    /// One JSON object on one line.
    package var json: String {
        let failed = ledger.failures.map { "\(quoted($0.name)):\($0.count)" }.joined(separator: ",")
        let members = [
            "\"mode\":\(quoted(plan.mode.rawValue))",
            "\"target\":\(quoted(plan.target.description))",
            "\"clients\":\(plan.clients)",
            "\"seconds\":\(fixed(seconds, 6))",
            "\"rate\":\(fixed(rate, 3))",
            "\"opened\":\(ledger.opened)",
            "\"answered\":\(ledger[.answered])",
            "\"refused\":\(ledger[.refused])",
            "\"failed\":{\(failed)}",
            "\"unaccounted\":\(ledger.unaccounted)",
            "\"connections\":\(ledger.connections)",
            "\"retries\":\(ledger.retries)",
            "\"percentiles_us\":\(percentiles(of: latencies))",
            "\"first_byte_us\":\(percentiles(of: firstByteLatencies))",
        ]
        return "{\(members.joined(separator: ","))}\n"
    }

    private func percentiles(of latencies: Latencies) -> String {
        let members = Latencies.levels.map { level in
            "\"\(level.name)\":\(fixed(latencies.microseconds(atPercentile: level.level), 3))"
        }
        return "{\(members.joined(separator: ","))}"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
