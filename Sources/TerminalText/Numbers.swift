//===----------------------------------------------------------------------===//
// Quartermaster: numbers and names as texts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// `value` with so many decimals. What is too large for that, or no number, is told as Swift tells it.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let product = (abs(value) * Double(scale)).rounded()
    guard product < 9e18 else { return "\(value)" }
    let scaled = Int(product)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if decimals == 0 { return sign + String(scaled) }
    let fraction = String(scaled % scale)
    return sign + String(scaled / scale) + "." + String(repeating: "0", count: decimals - fraction.utf8.count)
        + fraction
}

/// Nanoseconds in the unit that suits them, with three digits that count: `12.3 µs`.
package func duration(_ nanoseconds: Int64) -> String {
    let units: [(scale: Double, name: String)] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")]
    let value = Double(nanoseconds)
    let unit = units.first { abs(value) >= $0.scale * 0.9995 } ?? units[3]
    return threeDigits(value / unit.scale, mostDecimals: unit.scale == 1 ? 0 : 2) + " " + unit.name
}

/// Bytes in the unit that suits them: `12.3 MB` (of 1024 × 1024 bytes).
package func size(_ bytes: Int) -> String {
    let units: [(scale: Double, name: String)] = [(1_073_741_824, "GB"), (1_048_576, "MB"), (1024, "kB")]
    let value = Double(bytes)
    guard let unit = units.first(where: { abs(value) >= $0.scale }) else { return "\(bytes) B" }
    return threeDigits(value / unit.scale, mostDecimals: 2) + " " + unit.name
}

/// A rate or count, short: `987`, `12.3k`, `4.56M`.
package func short(_ value: Double) -> String {
    let units: [(scale: Double, name: String)] = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
    guard let unit = units.first(where: { abs(value) >= $0.scale * 0.9995 }) else {
        return fixed(value, abs(value) < 10 && value != value.rounded() ? 1 : 0)
    }
    return threeDigits(value / unit.scale, mostDecimals: 2) + unit.name
}

/// A share as per cent with its sign: `+1.2 %`.
package func signedPercent(_ share: Double) -> String {
    let text = fixed(share * 100, 1)
    return (share > 0 && text != "0.0" ? "+" : "") + text + " %"
}

private func threeDigits(_ value: Double, mostDecimals: Int) -> String {
    let decimals = abs(value) < 9.995 ? 2 : abs(value) < 99.95 ? 1 : 0
    return fixed(value, min(decimals, mostDecimals))
}

/// A name that we did not choose, fit for a terminal: nothing in it moves the cursor or ends the line.
package func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\u{0}"..<" ", "\u{7f}"..."\u{9f}", "\u{200e}"..."\u{200f}", "\u{2028}"..."\u{202e}":
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// The middle one, or the mean of the two in the middle; 0 of none.
package func median(_ values: [Double]) -> Double {
    if values.isEmpty { return 0 }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
