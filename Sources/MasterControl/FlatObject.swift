//===----------------------------------------------------------------------===//
// Quartermaster: a JSON object of texts and whole numbers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The little of JSON that answers need: one object whose values are texts, whole numbers or null, in the order they
/// were set. Daemons do without Foundation.
struct FlatObject: Equatable {
    enum Value: Equatable {
        case text(String)
        case number(Int)
    }

    private(set) var fields: [(name: String, value: Value)] = []

    init() {}

    /// Setting nil leaves the field out; a field is set once.
    subscript(name: String) -> Value? {
        get { fields.first { $0.name == name }?.value }
        set { if let newValue { fields.append((name, newValue)) } }
    }

    func text(_ name: String) -> String? {
        if case .text(let text)? = self[name] { return text }
        return nil
    }

    func number(_ name: String) -> Int? {
        if case .number(let number)? = self[name] { return number }
        return nil
    }

    static func == (left: FlatObject, right: FlatObject) -> Bool {
        left.fields.elementsEqual(right.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}

// Writing.
extension FlatObject {
    var json: String {
        let pairs = fields.map { field -> String in
            switch field.value {
            case .text(let text): "\(Self.quoted(field.name)):\(Self.quoted(text))"
            case .number(let number): "\(Self.quoted(field.name)):\(number)"
            }
        }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    /// Control characters are escaped, those beyond ASCII that steer terminals included.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default:
                if scalar.value < 32 || 127..<160 ~= scalar.value {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}

// Reading.
extension FlatObject {
    /// nil for what is no such object, for one with a name that is there twice, and for anything behind it.
    init?(json: String) {
        var reader = FlatReader(Array(json.utf8))
        guard let object = reader.object(), reader.isAtEnd else { return nil }
        self = object
    }
}

private struct FlatReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func object() -> FlatObject? {
        var object = FlatObject()
        guard take("{") else { return nil }
        if take("}") { return object }
        repeat {
            guard let name = text(), take(":"), object[name] == nil else { return nil }
            if skip("null") { continue }
            if let text = text() {
                object[name] = .text(text)
            } else if let number = number() {
                object[name] = .number(number)
            } else {
                return nil
            }
        } while take(",")
        return take("}") ? object : nil
    }

    private mutating func blanks() {
        while place < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[place]) { place += 1 }
    }

    /// The byte, with blanks on both sides.
    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        blanks()
        guard place < bytes.count, bytes[place] == UInt8(ascii: byte) else { return false }
        place += 1
        blanks()
        return true
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        let letters = Array(String(describing: word).utf8)
        guard bytes[place...].starts(with: letters) else { return false }
        place += letters.count
        return true
    }

    private mutating func number() -> Int? {
        let digits = bytes[place...].prefix { 0x30...0x39 ~= $0 || $0 == UInt8(ascii: "-") }
        guard let number = Int(String(decoding: digits, as: UTF8.self)) else { return nil }
        place += digits.count
        return number
    }

    private mutating func text() -> String? {
        guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { return nil }
        var units: [UInt8] = []
        var next = place + 1
        while next < bytes.count {
            let byte = bytes[next]
            next += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else { return nil }
                place = next
                return text
            case 0..<32: return nil
            case UInt8(ascii: "\\"):
                guard let scalar = escape(&next) else { return nil }
                units += Array(String(scalar).utf8)
            default: units.append(byte)
            }
        }
        return nil
    }

    /// What stands behind a backslash.
    private func escape(_ next: inout Int) -> Unicode.Scalar? {
        guard next < bytes.count else { return nil }
        let letter = bytes[next]
        next += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let high = unit(&next) else { return nil }
            guard 0xD800..<0xDC00 ~= high else { return Unicode.Scalar(high) }
            guard bytes[next...].starts(with: Array("\\u".utf8)) else { return nil }
            next += 2
            guard let low = unit(&next), 0xDC00..<0xE000 ~= low else { return nil }
            return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        default: return nil
        }
    }

    /// Four hexadecimal digits.
    private func unit(_ next: inout Int) -> UInt32? {
        guard next + 4 <= bytes.count else { return nil }
        let digits = bytes[next..<next + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        next += 4
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
