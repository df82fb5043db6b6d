//===----------------------------------------------------------------------===//
// Quartermaster: what a run came to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The result of one run: counts, distributions and what they add up to. It decides nothing but the exit status.
package struct LoadReport: Sendable {
    package let plan: LoadPlan
    package let nanoseconds: Int64
    package let ledger: Ledger
    /// From the beginning of an exchange to its end; only those that were answered.
    package let latencies: Latencies
    /// From connect(2) to the first byte received, once for each connection.
    package let firstByteLatencies: Latencies
    /// What the first failure looked like.
    package let firstProblem: String?

    package init(
        plan: LoadPlan,
        nanoseconds: Int64,
        ledger: Ledger,
        latencies: Latencies,
        firstByteLatencies: Latencies,
        firstProblem: String?
    ) {
        self.plan = plan
        self.nanoseconds = nanoseconds
        self.ledger = ledger
        self.latencies = latencies
        self.firstByteLatencies = firstByteLatencies
        self.firstProblem = firstProblem
    }

    package var seconds: Double { Double(nanoseconds) / 1e9 }

    /// Answered exchanges a second.
    package var rate: Double { nanoseconds > 0 ? Double(ledger[.answered]) / seconds : 0 }

    package var isClean: Bool { ledger.isClean }
}

/// `value` with so many decimals.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if decimals == 0 { return sign + String(scaled) }
    let fraction = String(scaled % scale)
    return sign + String(scaled / scale) + "." + String(repeating: "0", count: decimals - fraction.utf8.count)
        + fraction
}
