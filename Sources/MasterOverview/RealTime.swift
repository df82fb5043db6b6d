//===----------------------------------------------------------------------===//
// Quartermaster: times as people and programs read them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Milliseconds since 1970 as RFC 3339 has it, in UTC: `2026-11-26T11:12:13.456Z`.
package func timestamp(_ milliseconds: Int64) -> String {
    // Of the years 0 to 9999; what a damaged page says beyond becomes one of its ends.
    let bounded = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
    let (days, rest) = floorDivided(bounded, by: 86_400_000)
    // The calendar begins with March, so that the day that is sometimes there is the last one of a year.
    let (era, day) = floorDivided(days + 719_468, by: 146_097)
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    let date = [
        padded(era * 400 + year + (month >= 10 ? 1 : 0), 4), padded(month + (month < 10 ? 3 : -9), 2),
        padded(dayOfYear - (153 * month + 2) / 5 + 1, 2),
    ]
    let time = [padded(rest / 3_600_000, 2), padded(rest / 60_000 % 60, 2), padded(rest / 1000 % 60, 2)]
    return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "." + padded(rest % 1000, 3) + "Z"
}

private func floorDivided(_ value: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let rest = (value % divisor + divisor) % divisor
    return ((value - rest) / divisor, rest)
}

/// With zeros in front.
func padded(_ value: some BinaryInteger, _ digits: Int, radix: Int = 10) -> String {
    let text = String(value, radix: radix)
    return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
}

/// A length of time with its two largest units: `3d 4h`, `12m 5s`, `4.2s`, `37ms`.
package func span(_ milliseconds: Int64) -> String {
    let size = max(milliseconds, 0)
    if size < 1000 { return "\(size)ms" }
    if size < 10_000 { return "\(size / 1000).\(size % 1000 / 100)s" }
    let seconds = size / 1000
    let units: [(Int64, String)] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]
    let largest = units.firstIndex { seconds >= $0.0 } ?? 3
    let first = "\(seconds / units[largest].0)\(units[largest].1)"
    guard largest < 3 else { return first }
    let second = seconds % units[largest].0 / units[largest + 1].0
    return second == 0 ? first : "\(first) \(second)\(units[largest + 1].1)"
}

/// `1 client`, `2 clients`, `3 processes`.
func counted(_ number: some BinaryInteger, _ thing: String, _ things: String? = nil) -> String {
    number == 1 ? "1 \(thing)" : "\(number) \(things ?? thing + "s")"
}
