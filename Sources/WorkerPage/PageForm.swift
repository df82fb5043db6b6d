//===----------------------------------------------------------------------===//
// Quartermaster: what the two pages have in common in which processes count
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

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

    func isBegun(_ head: borrowing SharedMemory) -> Bool {
        head.word(at: Header.magic) == magic && head.word(at: Header.version) == version
    }

    func isBegun(_ head: [UInt8]) -> Bool {
        head.word(Header.magic) == magic && head.word(Header.version) == version
    }

    /// The file, for a process that is to count in it. One that is no page, or has another length, is none.
    func open(_ path: String) throws(WorkerPageProblem) -> Descriptor {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readWrite, .noFollow, .nonBlocking]) }
        let facts = try calling { () throws(SystemError) in try file.number.facts() }
        try calling { () throws(SystemError) in try catchBusErrors() }
        guard facts.kind == .file, facts.size == UInt64(byteCount) else { throw .foreign }
        return file
    }

    /// Header and holders, for a process that is to count there.
    func head(_ file: DescriptorNumber) throws(WorkerPageProblem) -> SharedMemory {
        let head = try calling { () throws(SystemError) in try SharedMemory(mapping: file, byteCount: headSize) }
        guard isBegun(head) else { throw .foreign }
        return head
    }

    // MARK: readers

    /// The pauses between them grow by a millisecond each: master may have been made to wait in the middle of a move.
    private static var readAttempts: Int { 40 }

    /// Reads a page while it is being written, and takes nothing for granted: it may be cut off, foreign, or made to
    /// mislead. The file is never mapped, so that nothing can happen to the reader that read(2) would not tell.
    ///
    /// - Parameter decode: gets what reads up to so many bytes from a place on; returns what the page says, and the
    ///   header's number that changes while counts are moved.
    func read<Said>(
        _ path: String,
        _ decode: (_ read: (_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8]) throws(WorkerPageProblem)
            -> (Said, UInt64)
    ) throws(WorkerPageProblem) -> Said {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readOnly, .nonBlocking]) }
        let facts = try calling { () throws(SystemError) in try file.number.facts() }
        guard facts.kind == .file, facts.size == UInt64(byteCount) else { throw .foreign }
        let number = file.number
        func bytes(_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8] {
            try calling { () throws(SystemError) in try number.read(atMost: count, from: offset) }
        }
        for attempt in 0..<Self.readAttempts {
            if attempt > 0 { pause(milliseconds: UInt32(attempt)) }
            let (said, folding) = try decode(bytes)
            // Whether counts were moved while we read.
            if folding % 2 == 0, folding == (try bytes(0, Self.holdersOffset)).word(Header.folding) { return said }
        }
        throw .restless
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

extension SharedMemory {
    func words(from start: Int, byteCount: Int) -> [UInt64] {
        stride(from: start, to: start + byteCount, by: 8).map { word(at: $0) }
    }

    /// Each word by itself.
    func publish(_ words: [UInt64], from start: Int) {
        for (index, word) in words.enumerated() { publish(word, at: start + index * 8) }
    }

    func clear(from start: Int, byteCount: Int) {
        for place in stride(from: start, to: start + byteCount, by: 8) { publish(0, at: place) }
    }
}
