//===----------------------------------------------------------------------===//
// Quartermaster: tests of reading bytes in place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ServiceBytes

/// Lends the bytes of a text to `body`.
func with<Result>(_ text: String, _ body: (RawSpan) throws -> Result) rethrows -> Result {
    let bytes = Array(text.utf8)
    return try body(bytes.span.bytes)
}

/// For conditions about spans, which the macro cannot take apart.
func expect(_ condition: Bool, _ note: String = "", at place: SourceLocation = #_sourceLocation) {
    #expect(condition, "\(note)", sourceLocation: place)
}

/// A copy of a part, to compare.
private func text(_ bytes: RawSpan?) -> String? {
    guard let bytes else { return nil }
    return String(utf8: bytes)
}

@Suite struct ReadingTests {
    @Test("bytes compare with texts of the program, also in a switch")
    func comparing() {
        with("Quit") { bytes in
            expect(bytes == "Quit")
            expect(bytes != "quit")
            expect(bytes != "Qui")
            expect(bytes.equalsIgnoringCase("qUIT"))
            expect(!bytes.equalsIgnoringCase("quip"))
            expect(!bytes.equalsIgnoringCase("quit "))
            expect(bytes.hasPrefix("Qu") && bytes.hasPrefix("") && !bytes.hasPrefix("Quits"))
            expect(bytes.hasSuffix("it") && bytes.hasSuffix("") && !bytes.hasSuffix("a Quit"))
            expect(bytes[3] == UInt8(ascii: "t"))
            switch bytes {
            case "Exit": Issue.record("another text")
            case "Quit": break
            default: Issue.record("no text")
            }
        }
        // Only letters have a case.
        with("@[`{") { expect(!$0.equalsIgnoringCase("`{@[")) }
        with("") { empty in
            expect(empty == "")
            expect(empty.equalsIgnoringCase(""))
            with("a") { expect(empty != $0) }
            with("") { expect(empty == $0) }
        }
    }

    @Test("bytes and texts are found from a place on")
    func finding() {
        with("a--b---c") { bytes in
            expect(bytes.firstIndex(of: UInt8(ascii: "-")) == 1)
            expect(bytes.firstIndex(of: "-", from: 3) == 4)
            expect(bytes.firstIndex(of: "--", from: 2) == 4)
            expect(bytes.firstIndex(of: "---") == 4)
            expect(bytes.firstIndex(of: "----") == nil)
            expect(bytes.firstIndex(of: "c", from: 8) == nil)
            expect(bytes.firstIndex(of: "--", from: 99) == nil)
            expect(bytes.firstIndex(of: "") == nil)
        }
        with("") { expect($0.firstIndex(of: "ab") == nil) }
    }

    @Test("blanks and ends of lines are trimmed from both ends")
    func trimming() {
        with(" \t a b\r\n") { expect($0.trimmed == "a b") }
        with(" \t") { expect($0.trimmed == "") }
        with("") { expect($0.trimmed == "") }
    }

    @Test("lines end with LF or CR LF, and what is no whole line is left")
    func lines() {
        with("one\r\n\n\rtwo\nthree\r") { bytes in
            var lines = bytes.lines
            var found: [String] = []
            while let line = lines.next() { found.append(String(utf8: line)) }
            expect(found == ["one", "", "\rtwo"])
            expect(lines.consumed == 11)
            expect(bytes.extracting(lines.consumed..<bytes.byteCount) == "three\r")
            expect(text(lines.next()) == nil)
        }
        with("") { bytes in
            var lines = bytes.lines
            expect(text(lines.next()) == nil)
            expect(lines.consumed == 0)
        }
    }

    @Test("parts between separators are one more than the separators; words are never empty")
    func fields() {
        func fields(_ text: String) -> [String] {
            with(text) { bytes in
                var fields = bytes.split(separator: ":")
                var found: [String] = []
                while let field = fields.next() { found.append(String(utf8: field)) }
                return found
            }
        }
        for text in ["", ":", "a", "a:b", ":a::b:", "a:b:c"] {
            expect(fields(text) == text.split(separator: ":", omittingEmptySubsequences: false).map(String.init))
        }
        with("  get  key one two ") { bytes in
            var words = bytes.split(separator: UInt8(ascii: " "))
            expect(text(words.nextWord()) == "get")
            expect(text(words.nextWord()) == "key")
            expect(words.rest == "one two ")
            expect(text(words.nextWord()) == "one")
            expect(text(words.nextWord()) == "two")
            expect(text(words.nextWord()) == nil)
            expect(words.rest == "")
        }
    }

    @Test("numbers are digits and nothing else, and fit their type")
    func numbers() {
        func int8(_ text: String) -> Int8? { with(text) { Int8(decimal: $0) } }
        func uint8(_ text: String) -> UInt8? { with(text) { UInt8(decimal: $0) } }
        func hex(_ text: String) -> UInt8? { with(text) { UInt8(hexadecimal: $0) } }
        for number in Int(Int8.min) - 300...300 {
            expect(int8(String(number)) == Int8(exactly: number))
            expect(uint8(String(number)) == (number < 0 ? nil : UInt8(exactly: number)))
        }
        for number in 0..<600 {
            expect(hex(String(number, radix: 16)) == UInt8(exactly: number))
            expect(hex(String(number, radix: 16, uppercase: true)) == UInt8(exactly: number))
        }
        for text in ["", "-", "+1", " 1", "1 ", "1a", "0x1", "1-", "--1", "/", ":"] {
            expect(int8(text) == nil, "\(text)")
            expect(uint8(text) == nil, "\(text)")
        }
        for text in ["", "-1", "g", "@", "`", "0x1", " 1"] { expect(hex(text) == nil, "\(text)") }
        expect(int8("007") == 7)
        with(String(Int.min)) { expect(Int(decimal: $0) == .min) }
        with("9223372036854775808") { expect(Int(decimal: $0) == nil) }
        with("ffffffffffffffff") { expect(UInt64(hexadecimal: $0) == .max) }
    }

    @Test("bytes that are no UTF-8 are shown as such in a text")
    func replaced() {
        let bytes: [UInt8] = [0x61, 0xff, 0x62]
        expect(String(utf8: bytes.span.bytes) == "a\u{FFFD}b")
    }
}
