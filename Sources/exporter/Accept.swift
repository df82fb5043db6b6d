//===----------------------------------------------------------------------===//
// Quartermaster: which form of the metrics a scraper likes better
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// What an `Accept` says of the two texts of metrics, by its weights (RFC 9110, 12.5.1).
struct Accept {
    /// In thousandths, nil for what is not named.
    private var openMetrics: Int?
    private var text: Int?
    private var anything: Int?

    /// Nothing was said.
    init() {}

    /// - Parameter value: no longer than a head.
    init(_ value: borrowing RawSpan) {
        for range in String(utf8: value).lowercased().split(separator: ",") { add(range) }
    }

    /// Where both are liked as much, the newer one; it is only for those who name it.
    var prefersOpenMetrics: Bool {
        guard let openMetrics, openMetrics > 0 else { return false }
        return openMetrics >= text ?? anything ?? 0
    }

    private mutating func add(_ range: Substring) {
        let words = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
        guard let name = words.first else { return }
        let weight = words.dropFirst().first { $0.hasPrefix("q=") }.map { Self.thousandths($0.dropFirst(2)) } ?? 1000
        switch name {
        case "application/openmetrics-text": openMetrics = max(openMetrics ?? 0, weight)
        case "text/plain", "text/*": text = max(text ?? 0, weight)
        case "*/*": anything = max(anything ?? 0, weight)
        default: break
        }
    }

    /// 0 to 1, with three digits at most; what is none is 0.
    private static func thousandths(_ text: Substring) -> Int {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0] == "0" || parts[0] == "1" else { return 0 }
        let digits = parts.count > 1 ? parts[1] : ""
        guard digits.utf8.count <= 3, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return 0 }
        let fraction = Int(digits + String(repeating: "0", count: 3 - digits.utf8.count)) ?? 0
        return parts[0] == "1" ? 1000 : fraction
    }
}
