//===----------------------------------------------------------------------===//
// Quartermaster: what the fields of a request say that matters here
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Looks at each field of a head once; keeps none of them but places.
struct HTTPFields {
    private(set) var hosts = 0
    private(set) var hasBody = false
    private(set) var wantsClose = false
    private(set) var wantsKeeping = false
    /// Where the value of the first `Accept` is in the input.
    private(set) var accept: Range<Int>?

    /// False: this is no `name: value`.
    ///
    /// - Parameter start: where the line is in the input.
    mutating func add(_ line: borrowing RawSpan, at start: Int) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
        for index in 0..<colon where !Self.isTokenByte(line.byte(at: index)) { return false }
        // A lone CR is where another program might see the end of the line.
        if line.firstIndex(of: UInt8(ascii: "\r")) != nil { return false }
        let value = line.extracting(colon + 1..<line.byteCount)
        switch colon {
        case 4: if Self.matches(line, 0..<4, "host") { hosts += 1 }
        case 6:
            if accept == nil, Self.matches(line, 0..<6, "accept") {
                accept = start + colon + 1..<start + line.byteCount
            }
        case 10: if Self.matches(line, 0..<10, "connection") { addOptions(value) }
        case 14: if Self.matches(line, 0..<14, "content-length") { hasBody = hasBody || !Self.isZero(value) }
        case 17: if Self.matches(line, 0..<17, "transfer-encoding") { hasBody = true }
        default: break
        }
        return true
    }

    /// What a name and a method may consist of (RFC 9110, 5.6.2).
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            return true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            return true
        default: return false
        }
    }

    /// The list of a field `Connection`.
    private mutating func addOptions(_ value: borrowing RawSpan) {
        var start = 0
        while start <= value.byteCount {
            let comma = value.firstIndex(of: UInt8(ascii: ","), from: start) ?? value.byteCount
            let option = Self.trimmed(value, start..<comma)
            if Self.matches(value, option, "close") { wantsClose = true }
            if Self.matches(value, option, "keep-alive") { wantsKeeping = true }
            start = comma + 1
        }
    }

    private static func isZero(_ value: borrowing RawSpan) -> Bool {
        value.extracting(trimmed(value, 0..<value.byteCount)).equals("0")
    }

    /// Without the blanks and tabs around it.
    private static func trimmed(_ bytes: borrowing RawSpan, _ range: Range<Int>) -> Range<Int> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(bytes.byte(at: start)) { start += 1 }
        while end > start, isBlank(bytes.byte(at: end - 1)) { end -= 1 }
        return start..<end
    }

    /// Whether these bytes are those of `text`, which is in lower case, in whatever case.
    private static func matches(_ bytes: borrowing RawSpan, _ range: Range<Int>, _ text: StaticString) -> Bool {
        bytes.extracting(range).equalsIgnoringCase(text)
    }
}
