//===----------------------------------------------------------------------===//
// Quartermaster: tests of hashes with a key
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

struct KeyedHashTests {
    private static let key = HashKey(first: 0x0706_0504_0302_0100, second: 0x0f0e_0d0c_0b0a_0908)

    @Test("the hash is SipHash-2-4: the values of its authors")
    func vectors() {
        let values: [Int: UInt64] = [
            0: 0x726f_db47_dd0e_0e31, 1: 0x74f8_39c5_93dc_67fd, 7: 0xab02_00f5_8b01_d137, 8: 0x93f5_f579_9a93_2462,
            15: 0xa129_ca61_49be_45e5,
        ]
        for (count, value) in values {
            var hash = KeyedHash(Self.key)
            for byte in 0..<UInt8(count) { hash.add(byte) }
            #expect(hash.value == value)
            #expect(hash.value == value, "asking changes nothing")
        }
    }

    @Test("letters count as small ones, and fields end where they end")
    func fields() {
        func hash(_ fields: [String]) -> UInt64 {
            var hash = KeyedHash(Self.key)
            for field in fields { withBytes(field) { hash.addField($0) } }
            return hash.value
        }
        #expect(hash(["A@Example.COM"]) == hash(["a@example.com"]))
        #expect(hash(["ab", "c"]) != hash(["a", "bc"]))
        #expect(hash(["", "a"]) != hash(["a", ""]))
        #expect(hash(["[`{@"]) != hash(["{@[`"]))
    }

    @Test("words and texts come to the same as their bytes, one by one, wherever they begin")
    func pieces() {
        // Every byte there is, and the neighbours of letters among them.
        let all = (0...255).map { UInt8($0) }
        for before in 0..<9 {
            for count in [0, 1, 7, 8, 9, 15, 16, 17, 256] {
                var (one, other) = (KeyedHash(Self.key), KeyedHash(Self.key))
                for byte in 0..<UInt8(before) {
                    one.add(byte)
                    other.add(byte)
                }
                let text = Array(all.shuffled().prefix(count))
                // All bytes of an array are there.
                one.addLowercased(text.span.bytes)
                for byte in text { other.add(byte >= 65 && byte <= 90 ? byte + 32 : byte) }
                one.add(0x8877_6655_4433_2211 as UInt64)
                for byte in 1...8 { other.add(UInt8(byte * 0x11)) }
                #expect(one.value == other.value, "\(before) before \(text)")
            }
        }
    }
}
