//===----------------------------------------------------------------------===//
// Quartermaster: the index of the rate table
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// The name that a server gives to one of its clients, such as `smtp:192.0.2.1`. Opaque.
enum Ident {
    case short(ShortBytes)
    /// Longer than what is kept in place.
    case long([UInt8])

    init(_ bytes: borrowing RawSpan) {
        self = bytes.byteCount <= ShortBytes.capacity ? .short(ShortBytes(prefixOf: bytes)) : .long(bytes.array)
    }

    @inline(__always)
    func equals(_ bytes: borrowing RawSpan) -> Bool {
        switch self {
        case .short(let own): return own.equals(bytes)
        case .long(let own): return own == bytes.array
        }
    }

    var text: String {
        switch self {
        case .short(let bytes): String(decoding: bytes.array, as: UTF8.self)
        case .long(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }
}

/// An open-addressed table from hashes to slots, at most half full. It does not see the idents: the caller compares
/// them, entry by entry, until the first free place.
struct IdentIndex {
    struct Entry {
        var hash: UInt32
        var slot: UInt32
    }

    private static let free = UInt32.max

    private var entries: [Entry]
    private var mask: Int
    private var count = 0

    init(capacity: Int) {
        let size = Self.size(capacity)
        entries = Array(repeating: Entry(hash: 0, slot: Self.free), count: size)
        mask = size - 1
    }

    /// A power of two that leaves half of the places free.
    private static func size(_ capacity: Int) -> Int {
        var size = 64
        while size < 2 * capacity { size *= 2 }
        return size
    }

    static func hash(_ bytes: borrowing RawSpan) -> UInt32 { UInt32(truncatingIfNeeded: bytes.hashed()) }

    func start(_ hash: UInt32) -> Int { Int(hash) & mask }

    func next(_ place: Int) -> Int { (place + 1) & mask }

    /// Nil at a free place, where a probe ends.
    @inline(__always)
    func entry(_ place: Int) -> Entry? {
        let entry = entries[place]
        return entry.slot == Self.free ? nil : entry
    }

    mutating func insert(hash: UInt32, slot: UInt32) {
        if 2 * (count + 1) > entries.count { reserve(2 * (count + 1)) }
        place(Entry(hash: hash, slot: slot))
        count += 1
    }

    private mutating func place(_ entry: Entry) {
        var place = start(entry.hash)
        while self.entry(place) != nil { place = next(place) }
        entries[place] = entry
    }

    /// Takes an entry out and moves up those that were pushed past it, so that no probe finds a gap too early.
    mutating func remove(hash: UInt32, slot: UInt32) {
        var place = start(hash)
        while let entry = entry(place), entry.slot != slot { place = next(place) }
        guard entry(place) != nil else { return }
        var gap = place
        var probe = next(gap)
        while let entry = entry(probe) {
            let home = start(entry.hash)
            // Does the way from its home to here lead over the gap?
            if (probe - home) & mask >= (probe - gap) & mask {
                entries[gap] = entry
                gap = probe
            }
            probe = next(probe)
        }
        entries[gap].slot = Self.free
        count -= 1
    }

    /// Makes room for `capacity` entries in all.
    mutating func reserve(_ capacity: Int) {
        let size = Self.size(capacity)
        guard size > entries.count else { return }
        let old = entries
        entries = Array(repeating: Entry(hash: 0, slot: Self.free), count: size)
        mask = size - 1
        for entry in old where entry.slot != Self.free { place(entry) }
    }
}
