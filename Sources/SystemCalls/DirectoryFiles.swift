//===----------------------------------------------------------------------===//
// Quartermaster: files by their names in an open directory
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import CPosix
import Glibc

// The directory may be out of reach by its path: another user, another root. No name is followed to where a symbolic
// link leads.
extension DescriptorNumber {
    /// openat(2) with O_NOFOLLOW.
    package func openFile(named name: String, _ flags: OpenFlags, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
        Descriptor(
            owning: DescriptorNumber(
                try calling(.openat) {
                    unsafe withPath(name) { unsafe cposix_open_in(rawValue, $0, flags.rawValue, mode) }
                }
            )
        )
    }

    /// fstatat(2) with AT_SYMLINK_NOFOLLOW.
    package func facts(ofFileNamed name: String) throws(SystemError) -> FileFacts {
        var facts = cposix_file_facts()
        _ = try calling(.fstatat) { unsafe withPath(name) { unsafe cposix_facts_in(rawValue, $0, &facts) } }
        return FileFacts(facts)
    }

    /// renameat(2) within the directory: replaces what is called `target`, at once.
    package func renameFile(named name: String, to target: String) throws(SystemError) {
        _ = try calling(.renameat) {
            unsafe withPath(name) { old in unsafe withPath(target) { unsafe cposix_rename_in(rawValue, old, $0) } }
        }
    }

    /// unlinkat(2); a file that is not there is as good as gone.
    package func removeFile(named name: String) throws(SystemError) {
        do throws(SystemError) {
            _ = try calling(.unlinkat) { unsafe withPath(name) { unsafe cposix_unlink_in(rawValue, $0) } }
        } catch  where error.code == .noSuchFileOrDirectory {}
    }
}

extension DescriptorNumber {
    /// pwrite(2): how many bytes were written, which may be fewer than there are.
    package func write(_ bytes: borrowing RawSpan, at offset: Int) throws(SystemError) -> Int {
        if bytes.byteCount == 0 { return 0 }
        return try calling(.pwrite) {
            unsafe bytes.withUnsafeBytes {
                unsafe Int(cposix_write_at(rawValue, $0.baseAddress!, $0.count, Int64(offset)))
            }
        }
    }

    /// pread(2) into `buffer`: how many bytes were read; 0 at the end of the file.
    package func read(into buffer: inout MutableRawSpan, at offset: Int) throws(SystemError) -> Int {
        if buffer.byteCount == 0 { return 0 }
        let number = rawValue
        return try calling(.pread) {
            unsafe buffer.withUnsafeMutableBytes {
                unsafe Int(cposix_read_at(number, $0.baseAddress!, $0.count, Int64(offset)))
            }
        }
    }

    /// lseek(2) SEEK_DATA: where the next bytes are that are in no hole; the end of the file when there are none. The
    /// answer of a file system that does not know of holes is `offset`.
    package func nextData(from offset: Int) throws(SystemError) -> Int {
        Int(try calling(.lseek) { cposix_next_data(rawValue, Int64(offset)) })
    }

    /// fallocate(2) FALLOC_FL_KEEP_SIZE: the disk has room for so many bytes, or it throws. A file system that cannot
    /// tell says nothing.
    package func reserve(_ byteCount: Int) throws(SystemError) {
        _ = try calling(.reserve) { cposix_reserve(rawValue, Int64(byteCount)) }
    }

    /// sync_file_range(2) SYNC_FILE_RANGE_WRITE: has the kernel begin to write these bytes to the disk, and does not
    /// wait for it. A hint: it says nothing of what the disk has.
    package func beginWriting(from offset: Int, count: Int) throws(SystemError) {
        if count == 0 { return }
        _ = try calling(.syncFileRange) { cposix_begin_writing(rawValue, Int64(offset), Int64(count)) }
    }

    /// fdatasync(2): waits until the disk has what was written.
    package func synchronizeData() throws(SystemError) {
        _ = try calling(.fdatasync) { cposix_synchronize(rawValue, 1) }
    }

    /// fsync(2), for a directory whose names have changed.
    package func synchronize() throws(SystemError) {
        _ = try calling(.fsync) { cposix_synchronize(rawValue, 0) }
    }
}
