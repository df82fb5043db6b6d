//===----------------------------------------------------------------------===//
// Quartermaster: a file as memory that other processes read while we write
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CPosix
import Glibc

/// A file that is mapped to be written to, in words of eight bytes. Whatever becomes of the file, a store does not fail
/// in a process that catches crashes: when the file is cut off or its disk is full, memory of our own takes its place
/// (`isLost`). Readers take what they find, and `publish` lets them tell a whole record from half of one.
///
/// What is stored for each request or report is public and inlinable, though no product shows it, as in `FixedMemory`.
@safe public struct SharedMemory: ~Copyable {
    @usableFromInline let base: UnsafeMutablePointer<UInt64>
    public let byteCount: Int
    private let isMapped: Bool
    /// Nil for memory of our own, whether it was from the start or is in the place of the file now.
    private var guardNumber: CInt?

    /// mmap(2) MAP_SHARED of `byteCount` bytes, a multiple of eight, of a file that is as long, from `offset` on, a
    /// multiple of the page size. There are 32 in a process at most.
    package init(mapping file: DescriptorNumber, from offset: Int = 0, byteCount: Int) throws(SystemError) {
        precondition(byteCount > 0 && byteCount % 8 == 0)
        let address = try calling(.mmap) { cposix_map_shared(file.rawValue, byteCount, Int64(offset)) }
        guard let base = unsafe UnsafeMutablePointer<UInt64>(bitPattern: address) else {
            throw SystemError(.mmap, .noMemory)
        }
        let guardNumber = unsafe cposix_guard(base, byteCount)
        if guardNumber < 0 {
            _ = unsafe cposix_unmap(base, byteCount)
            throw SystemError(.mmap, Errno(rawValue: -guardNumber))
        }
        unsafe self.base = base
        self.byteCount = byteCount
        self.guardNumber = guardNumber
        isMapped = true
    }

    /// Memory of our own instead, with zeros: what is stored there nobody reads.
    package init(ownByteCount byteCount: Int) {
        precondition(byteCount > 0 && byteCount % 8 == 0)
        unsafe base = .allocate(capacity: byteCount / 8)
        unsafe base.initialize(repeating: 0, count: byteCount / 8)
        self.byteCount = byteCount
        guardNumber = nil
        isMapped = false
    }

    deinit {
        if !isMapped { return unsafe base.deallocate() }
        if let guardNumber { cposix_end_guard(guardNumber) }
        _ = unsafe cposix_unmap(base, byteCount)
    }

    /// Whether the file was lost: what is stored from now on is read by nobody.
    package var isLost: Bool { guardNumber.map { cposix_guard_was_needed($0) != 0 } ?? false }

    /// Memory of our own, with zeros, takes the place of the file, at the same address: for a child that has the memory
    /// of its parent, but is not to write into its file any more.
    package mutating func detach() throws(SystemError) {
        guard let guardNumber else { return }
        if unsafe cposix_replace_mapping(base) == 0 { throw SystemError(.mmap, .noMemory) }
        cposix_end_guard(guardNumber)
        self.guardNumber = nil
    }

    /// How many files this process has lost so far: while it is the same, `isLost` need not be asked.
    @inlinable public static var losses: Int32 { cposix_guard_losses() }

    /// Stores words at `offset` as a part of the record whose number is at `sequence`: odd meanwhile, and `ticket`
    /// afterwards, an even number that is larger than any before it.
    package func publish(_ words: Span<UInt64>, at offset: Int, sequence: Int, ticket: UInt64) {
        precondition(offset >= 0 && offset + words.count * 8 <= byteCount && sequence >= 0 && sequence < byteCount)
        if words.isEmpty { return }
        unsafe words.withUnsafeBufferPointer { words in
            unsafe cposix_publish(base + sequence / 8, ticket, base + offset / 8, words.baseAddress!, words.count)
        }
    }

    /// Stores a word that stands for itself.
    @inline(__always)
    package func publish(_ word: UInt64, at offset: Int) {
        precondition(offset >= 0 && offset < byteCount)
        unsafe cposix_publish_word(base + offset / 8, word)
    }

    /// What is there now, for a copy into another file.
    package func words(at offset: Int, count: Int) -> [UInt64] {
        precondition(offset >= 0 && count >= 0 && offset + count * 8 <= byteCount)
        return (0..<count).map { unsafe base[offset / 8 + $0] }
    }
}

extension DescriptorNumber {
    /// posix_fallocate(3): the file has so many bytes behind `offset`, and the disk has room for all of them.
    package func allocate(from offset: Int = 0, byteCount: Int) throws(SystemError) {
        _ = try calling(.fallocate) { cposix_allocate_file(rawValue, Int64(offset), Int64(byteCount)) }
    }

    /// ftruncate(2): the file has so many bytes. What is new in it is zeros, for which the disk need not have room.
    package func setSize(byteCount: Int) throws(SystemError) {
        _ = try calling(.ftruncate) { cposix_set_file_size(rawValue, Int64(byteCount)) }
    }

    /// pread(2) of up to `limit` bytes from `offset` on; fewer only where the file ends.
    package func read(atMost limit: Int, from offset: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = try calling(.pread) {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    unsafe cposix_read_at(
                        rawValue,
                        buffer.baseAddress! + filled,
                        limit - filled,
                        Int64(offset + filled)
                    )
                }
            }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(limit - filled)
        return bytes
    }
}
