//===----------------------------------------------------------------------===//
// Quartermaster: bytes of configuration files, arguments and file names as text, and back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A configuration file, an argument and a file name are bytes. They are UTF-8 nearly always, but need not be, and a
/// `String` cannot hold what is not. Such a byte therefore stands in a `String` as a character of its own, from the
/// private use area: 0xFC as U+F7FC. `rawBytes` turns it back, so that children get what the administrator wrote.
///
/// A text that really contains one of these 128 characters is treated in the same way, byte for byte; so every sequence
/// of bytes survives.
extension String {
    /// The text of any bytes.
    package init(rawBytes bytes: some BidirectionalCollection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self), !text.mayHaveStandIns {
            self = text
        } else {
            self = StandIn.text(of: Array(bytes))
        }
    }

    /// The bytes that the text was made of.
    package var rawBytes: [UInt8] {
        mayHaveStandIns ? StandIn.bytes(of: Array(utf8)) : Array(utf8)
    }

    /// Whether `rawBytes` and `utf8` may differ.
    private var mayHaveStandIns: Bool { utf8.contains(StandIn.firstByte) }
}

/// The characters that stand for bytes: U+F780 to U+F7FF, in UTF-8 EF 9E 80 to EF 9F BF.
private enum StandIn {
    static let firstByte: UInt8 = 0xef
    static let secondBytes: ClosedRange<UInt8> = 0x9e...0x9f

    static func text(of bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 16)
        var index = 0
        while index < bytes.count {
            let length = lengthOfCharacter(bytes[index...])
            if length > 0 {
                result += bytes[index..<index + length]
            } else {
                result += [firstByte, bytes[index] < 0xc0 ? 0x9e : 0x9f, 0x80 | bytes[index] & 0x3f]
            }
            index += max(length, 1)
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func bytes(of text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if isStandIn(text[index...]) {
                result.append(text[index + 2] & 0x3f | (text[index + 1] == 0x9e ? 0x80 : 0xc0))
                index += 3
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    private static func isStandIn(_ text: ArraySlice<UInt8>) -> Bool {
        text.count > 2 && text[text.startIndex] == firstByte && secondBytes.contains(text[text.startIndex + 1])
    }

    /// How many bytes the character at the start has; 0 when the byte there has to be replaced.
    private static func lengthOfCharacter(_ text: ArraySlice<UInt8>) -> Int {
        guard let first = text.first, !isStandIn(text) else { return 0 }
        let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
        guard length <= text.count else { return 0 }
        return String(validating: text.prefix(length), as: UTF8.self) == nil ? 0 : length
    }
}
