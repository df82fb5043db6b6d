//===----------------------------------------------------------------------===//
// Quartermaster: what the two pages have in common in which processes count
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// How a page of counts begins, whatever is counted in it (`WorkerPage`, `MetricsPage`):
///
///     header | holders … | what is counted …
///
/// All numbers are words: 64 bits, little endian, at a multiple of 8. A holder is the pid of the process that has the
/// record of the same number, or 0.
///
/// Who holds a count, at any moment: the record of a process, until master has reaped that process; then the total of
/// its service. master moves it, and is the only one to give a record free: so none is lost when a process crashes, and
/// none counted twice. While it moves counts, `folding` is odd, and readers read again.
struct PageForm {
    let magic: UInt64
    let version: UInt64
    /// Of the whole file.
    let byteCount: Int
    /// Bytes from its beginning on for which it has room on the disk as soon as it is there.
    let allocatedCount: Int
    let holderCount: Int
    /// The header's last word in a new file, which the two pages use for different things.
    var ownWord: UInt64 = 0

    static var holdersOffset: Int { 4096 }
    /// Header and holders.
    var headSize: Int { Self.holdersOffset + holderCount * 8 }

    static func holder(_ record: Int) -> Int { holdersOffset + record * 8 }

    /// The words of the header, by their places.
    enum Header {
        static var magic: Int { 0 }
        static var version: Int { 8 }
        static var pageSize: Int { 16 }
        /// The pid of the master that made the page.
        static var master: Int { 24 }
        /// When it did, in milliseconds of CLOCK_MONOTONIC.
        static var made: Int { 32 }
        static var folding: Int { 40 }
        /// How often a process found no free record.
        static var refused: Int { 48 }
        static var own: Int { 56 }
    }

    func isBegun(_ head: [UInt8]) -> Bool {
        head.word(Header.magic) == magic && head.word(Header.version) == version
    }
}

/// A name among the words of a page, with zeros behind it.
enum PageText {
    /// Cut off where it does not fit.
    static func words(_ text: String, byteCount: Int) -> [UInt64] {
        var bytes = Array(text.utf8.prefix(byteCount))
        bytes += repeatElement(0, count: byteCount - bytes.count)
        return stride(from: 0, to: byteCount, by: 8).map { bytes.word($0) }
    }

    /// Reads what `words` wrote, and anything else: the bytes before the first zero.
    static func bytes(_ words: [UInt64]) -> [UInt8] {
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
        return Array(bytes.prefix { $0 != 0 })
    }

    static func string(_ words: [UInt64]) -> String { String(decoding: bytes(words), as: UTF8.self) }
}

extension [UInt8] {
    /// The word at `offset`; 0 behind the end.
    func word(_ offset: Int) -> UInt64 {
        guard offset >= 0, offset + 8 <= count else { return 0 }
        return (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * UInt64($1)) }
    }
}
