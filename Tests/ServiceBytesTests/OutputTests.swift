//===----------------------------------------------------------------------===//
// Quartermaster: tests of what is appended to a place for bytes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ServiceBytes

/// What `body` writes, if it fits.
func written(_ capacity: Int = 1000, _ body: (inout OutputBuffer) -> Void) -> String? {
    var output = OutputBuffer(capacity: capacity)
    body(&output)
    return output.isOverfull ? nil : String(utf8: output.bytes)
}

@Suite struct OutputTests {
    @Test("bytes of every kind are appended as they are")
    func bytes() {
        let array: [UInt8] = [0x61, 0x62]
        let text = written { output in
            output.append("x")
            output.append(array)
            output.append(array.span)
            output.append(array.span.bytes)
            output.append(byte: 0x63)
            output.append(utf8: "é")
        }
        expect(text == "xabababcé")
    }

    @Test("numbers have their width, with zeros behind the sign or blanks before it")
    func numbers() {
        func decimal(_ number: Int, _ width: Int = 0, _ padding: NumberPadding = .blanks) -> String? {
            written { $0.append(decimal: number, width: width, padding: padding) }
        }
        for number in [0, 7, -7, 10, -10, 1234, .max, .min] { expect(decimal(number) == String(number)) }
        expect(decimal(7, 3) == "  7")
        expect(decimal(-7, 3) == " -7")
        expect(decimal(7, 3, .zeros) == "007")
        expect(decimal(-7, 4, .zeros) == "-007")
        expect(decimal(1234, 2) == "1234")
        expect(decimal(1, 40, .zeros) == String(repeating: "0", count: 39) + "1")
        expect(written { $0.append(decimal: UInt64.max) } == String(UInt64.max))
        expect(written { $0.append(decimal: UInt8(200), width: 4) } == " 200")
        expect(written { $0.append(hexadecimal: UInt64.max) } == "ffffffffffffffff")
        expect(written { $0.append(hexadecimal: UInt8(10), width: 4) } == "000a")
        expect(written { $0.append(hexadecimal: UInt8(10), width: 4, padding: .blanks, uppercase: true) } == "   A")
        expect(written { $0.append(hexadecimal: UInt(0)) } == "0")
    }

    @Test("what does not fit is refused whole, and known to be missing")
    func overfull() {
        for capacity in 1..<12 {
            var output = OutputBuffer(capacity: capacity)
            with("hello") { output.append(netstring: $0) }
            expect(output.isOverfull == (capacity < 8))
            expect(output.count == (capacity < 8 ? 0 : 8))
            output.removeAll()
            output.append(decimal: -12345, width: 8)
            expect(output.isOverfull == (capacity < 8))
            expect(output.count == (capacity < 8 ? 0 : 8))
            output.removeAll()
            with("345678") { output.append(lengthPrefixed: $0, .twoBytes) }
            expect(output.count == (capacity < 8 ? 0 : 8))
            output.removeAll()
            with("56") { output.append(attribute: "name", $0, .plain) }
            expect(output.count == (capacity < 8 ? 0 : 8))
            expect(output.isOverfull == (capacity < 8))
        }
    }

    @Test("content that its own form cannot carry is refused, too: a peer sends what it likes")
    func contentOfItsForm() {
        let long = String(repeating: "x", count: 256)
        expect(written { output in with(long) { output.append(lengthPrefixed: $0, .oneByte) } } == nil)
        expect(written { output in with("a\0b") { output.append(terminated: $0) } } == nil)
        expect(written { output in with("a\nb") { output.append(attribute: "name", $0, .plain) } } == nil)
        expect(written { output in with("a\0b") { output.append(attribute: "name", $0, .nullTerminated) } } == nil)
    }
}
