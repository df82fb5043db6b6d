//===----------------------------------------------------------------------===//
// Quartermaster: files and directories by path
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import CPosix
import Glibc

/// What stat(2) says of a file, as far as we need it.
package struct FileFacts: Equatable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let links: UInt64
    package let size: UInt64
    package let mode: UInt32
    package let owner: UInt32
    package let group: UInt32
    package let modifiedSeconds: Int64

    init(_ facts: cposix_file_facts) {
        device = facts.device
        inode = facts.inode
        links = facts.links
        size = facts.size
        mode = facts.mode
        owner = facts.uid
        group = facts.gid
        modifiedSeconds = facts.modified_seconds
    }

    package enum Kind: Sendable { case file, directory, fifo, socket, symbolicLink, other }

    package var kind: Kind {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): .file
        case UInt32(S_IFDIR): .directory
        case UInt32(S_IFIFO): .fifo
        case UInt32(S_IFSOCK): .socket
        case UInt32(S_IFLNK): .symbolicLink
        default: .other
        }
    }

    package var isWritableByOthers: Bool { mode & 0o022 != 0 }
}

/// How to open a file; close-on-exec always.
package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: CInt
    package init(rawValue: CInt) { self.rawValue = rawValue }
    package static let readOnly = OpenFlags(rawValue: O_RDONLY)
    package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    package static let readWrite = OpenFlags(rawValue: O_RDWR)
    package static let create = OpenFlags(rawValue: O_CREAT)
    package static let exclusive = OpenFlags(rawValue: O_EXCL)
    package static let append = OpenFlags(rawValue: O_APPEND)
    package static let truncate = OpenFlags(rawValue: O_TRUNC)
    package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    /// Fails with ELOOP when the last part of the path is a symbolic link.
    package static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    package static let directory = OpenFlags(rawValue: O_DIRECTORY)
}

/// open(2).
package func openFile(_ path: String, _ flags: OpenFlags, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
    Descriptor(
        owning: DescriptorNumber(
            try calling(.open) { unsafe withPath(path) { unsafe cposix_open($0, flags.rawValue, mode) } }
        )
    )
}

/// stat(2), or lstat(2) when the link itself is meant.
package func facts(ofPath path: String, followingLinks: Bool = true) throws(SystemError) -> FileFacts {
    var facts = cposix_file_facts()
    _ = try calling(followingLinks ? .stat : .lstat) {
        unsafe withPath(path) { unsafe cposix_facts_of_path($0, followingLinks ? 1 : 0, &facts) }
    }
    return FileFacts(facts)
}

extension DescriptorNumber {
    /// fstat(2).
    package func facts() throws(SystemError) -> FileFacts {
        var facts = cposix_file_facts()
        _ = try calling(.fstat) { unsafe cposix_facts_of_descriptor(rawValue, &facts) }
        return FileFacts(facts)
    }

    /// fchmod(2).
    package func changeMode(_ mode: UInt32) throws(SystemError) {
        _ = try calling(.fchmod) { cposix_fchmod(rawValue, mode) }
    }

    /// fchown(2).
    package func changeOwner(uid: UInt32, gid: UInt32) throws(SystemError) {
        _ = try calling(.fchown) { cposix_fchown(rawValue, uid, gid) }
    }

    /// lseek(2) to an offset from the start.
    package func seek(to offset: Int) throws(SystemError) {
        _ = try calling(.lseek) { cposix_seek(rawValue, Int64(offset)) }
    }
}

extension DescriptorNumber {
    /// flock(2) LOCK_EX|LOCK_NB: whether we hold the lock now.
    package func tryExclusiveLock() throws(SystemError) -> Bool {
        do throws(SystemError) {
            _ = try calling(.flock) { cposix_flock(rawValue, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            if error.code == .resourceTemporarilyUnavailable { return false }
            throw error
        }
    }

    /// flock(2) LOCK_EX: waits until we hold the lock.
    package func lockExclusively() throws(SystemError) {
        _ = try calling(.flock) { cposix_flock(rawValue, LOCK_EX) }
    }

    /// flock(2) LOCK_UN.
    package func unlock() throws(SystemError) {
        _ = try calling(.flock) { cposix_flock(rawValue, LOCK_UN) }
    }
}

/// Where a standard descriptor is closed, puts /dev/null there, open the wrong way round: nothing that is opened later
/// gets the number and then what was meant for a person, and who reads or writes there hears of it (EBADF).
package func holdStandardDescriptors() {
    for number in CInt(0)...2 where (try? DescriptorNumber(number).facts()) == nil {
        // The lowest number that is free.
        guard let null = try? openFile("/dev/null", number == 0 ? .writeOnly : .readOnly) else { return }
        _ = null.release()
    }
}

/// Reads a whole file; with the time it was last modified, in seconds since 1970.
package func readFile(_ path: String) throws(SystemError) -> (bytes: [UInt8], modifiedSeconds: Int64) {
    let file = try openFile(path, .readOnly)
    let facts = try file.number.facts()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(facts.size) + 1)
    // No larger than need be: a block is zeroed first, and its memory is what a small process is made of later on.
    let step = min(max(Int(facts.size) + 1, 1024), 64 * 1024)
    while let block = try file.number.read(atMost: step), !block.isEmpty {
        bytes.append(contentsOf: block)
    }
    return (bytes, facts.modifiedSeconds)
}

/// unlink(2); a file that is not there is as good as gone.
package func removeFile(_ path: String) throws(SystemError) {
    do throws(SystemError) {
        _ = try calling(.unlink) { unsafe withPath(path) { unsafe cposix_unlink($0) } }
    } catch  where error.code == .noSuchFileOrDirectory {}
}

/// rename(2): replaces what is at `target`, at once.
package func renameFile(_ path: String, to target: String) throws(SystemError) {
    _ = try calling(.rename) {
        unsafe withPath(path) { old in unsafe withPath(target) { unsafe cposix_rename(old, $0) } }
    }
}

/// mkfifo(3).
package func makeFifo(_ path: String, mode: UInt32) throws(SystemError) {
    _ = try calling(.mkfifo) { unsafe withPath(path) { unsafe cposix_mkfifo($0, mode) } }
}

/// chmod(2).
package func changeMode(ofPath path: String, _ mode: UInt32) throws(SystemError) {
    _ = try calling(.chmod) { unsafe withPath(path) { unsafe cposix_chmod($0, mode) } }
}

/// chdir(2).
package func changeDirectory(_ path: String) throws(SystemError) {
    _ = try calling(.chdir) { unsafe withPath(path) { unsafe cposix_chdir($0) } }
}

/// chroot(2).
package func changeRoot(_ path: String) throws(SystemError) {
    _ = try calling(.chroot) { unsafe withPath(path) { unsafe cposix_chroot($0) } }
}

/// readlink(2); at most 4096 bytes of it.
package func linkTarget(_ path: String) throws(SystemError) -> String {
    try unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) {
        (buffer: UnsafeMutableBufferPointer<CChar>) throws(SystemError) -> String in
        let base = buffer.baseAddress!
        let length = try calling(.readlink) {
            unsafe withPath(path) { unsafe cposix_readlink($0, base, 4096) }
        }
        return unsafe String(rawBytes: UnsafeRawBufferPointer(start: base, count: Int(length)))
    }
}

/// access(2) for execution.
package func isExecutable(_ path: String) -> Bool {
    unsafe withPath(path) { unsafe cposix_access($0, X_OK) } == 0
}

/// faccessat(2) with AT_EACCESS: whether this process, as the user that it is now, may make files in a directory.
package func mayMakeFiles(in directory: String) -> Bool {
    unsafe withPath(directory) { unsafe faccessat(AT_FDCWD, $0, W_OK | X_OK, AT_EACCESS) } == 0
}

/// umask(2): the previous mask.
@discardableResult
package func setFileCreationMask(_ mask: UInt32) -> UInt32 { umask(mask) }
