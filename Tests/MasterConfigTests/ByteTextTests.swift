//===----------------------------------------------------------------------===//
// Quartermaster: tests of text that holds any bytes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Testing

@Suite struct ByteTextTests {
    @Test("text that is UTF-8 stays what it is")
    func plain() {
        for text in ["", "abc", "Grün € 𝄞", "\u{fffd}", "\u{feff}x"] {
            #expect(String(rawBytes: Array(text.utf8)) == text)
            #expect(text.rawBytes == Array(text.utf8))
        }
    }

    @Test(
        "any bytes come back as they were",
        arguments: [
            [0xfc], [0x47, 0x72, 0xfc, 0x6e], [0xc3], [0xe2, 0x82], [0xf0, 0x9d, 0x84], [0xed, 0xa0, 0x80],
            [0xc0, 0x80],
            [0xff, 0xfe, 0x00, 0x80], [0xef, 0x9e, 0x80], [0xef, 0x9f, 0xbf], [0xef, 0x9e], [0xef],
            [0xf4, 0x90, 0x80, 0x80],
        ] as [[UInt8]]
    )
    func back(_ bytes: [UInt8]) {
        #expect(String(rawBytes: bytes).rawBytes == bytes)
    }

    @Test("all pairs of bytes, alone and between letters")
    func pairs() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let bytes = [0x61, first, second, 0xef, 0x9e, first]
                if String(rawBytes: bytes).rawBytes != bytes { Issue.record("\(bytes)") }
            }
        }
    }

    @Test("different bytes are different texts")
    func distinct() {
        #expect(String(rawBytes: [0xfc]) != String(rawBytes: [0xfd]))
        #expect(String(rawBytes: [0xfc]) != String(rawBytes: Array("\u{f7fc}".utf8)))
    }
}
