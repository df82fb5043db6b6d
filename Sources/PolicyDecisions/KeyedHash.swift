//===----------------------------------------------------------------------===//
// Quartermaster: hashes with a key that is kept
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// The secret of one state file: whoever does not know it cannot choose names that collide.
package struct HashKey: Equatable, Sendable {
    package let first: UInt64
    package let second: UInt64

    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    package static func random() -> HashKey {
        HashKey(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012). What stands for a client, an address or a triplet in a table and in the
/// state file: 64 bits, from which nobody learns who it was, and which are the same after a restart.
package struct KeyedHash {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// Bytes that are no whole word yet.
    private var tail: UInt64 = 0
    private var count = 0

    package init(_ key: HashKey) {
        v0 = key.first ^ 0x736f_6d65_7073_6575
        v1 = key.second ^ 0x646f_7261_6e64_6f6d
        v2 = key.first ^ 0x6c79_6765_6e65_7261
        v3 = key.second ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    package mutating func add(_ byte: UInt8) {
        tail |= UInt64(byte) << UInt64((count & 7) * 8)
        count += 1
        if count & 7 == 0 {
            absorb(tail)
            tail = 0
        }
    }

    package mutating func add(_ word: UInt64) {
        let filled = UInt64(count & 7) * 8
        absorb(tail | word << filled)
        tail = filled == 0 ? 0 : word >> (64 - filled)
        count += 8
    }

    /// The bytes, ASCII letters as small ones.
    package mutating func addLowercased(_ bytes: borrowing RawSpan) {
        var index = 0
        while index + 8 <= bytes.byteCount {
            add(bytes.rawWord(at: index).lowercasedASCII)
            index += 8
        }
        while index < bytes.byteCount {
            add(bytes.rawByte(at: index).lowercasedASCII)
            index += 1
        }
    }

    /// The same with the number of bytes before them, so that what follows cannot be taken for a part of it.
    package mutating func addField(_ bytes: borrowing RawSpan) {
        add(UInt64(bytes.byteCount))
        addLowercased(bytes)
    }

    /// The hash of all that was added.
    package var value: UInt64 {
        var end = self
        end.absorb(tail | UInt64(truncatingIfNeeded: count & 0xff) << 56)
        end.v2 ^= 0xff
        for _ in 0..<4 { end.round() }
        return end.v0 ^ end.v1 ^ end.v2 ^ end.v3
    }

    @inline(__always)
    private mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    @inline(__always)
    private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}

extension UInt64 {
    /// The same of eight bytes at once.
    @inline(__always)
    fileprivate var lowercasedASCII: UInt64 {
        // The highest bit of each byte: whether its others are at least A, or above Z.
        let low = self & 0x7f7f_7f7f_7f7f_7f7f
        let isAtLeastA = low &+ 0x3f3f_3f3f_3f3f_3f3f
        let isAboveZ = low &+ 0x2525_2525_2525_2525
        return self | (isAtLeastA & ~isAboveZ & ~self & 0x8080_8080_8080_8080) >> 2
    }
}

extension UInt8 {
    @inline(__always)
    var lowercasedASCII: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}
