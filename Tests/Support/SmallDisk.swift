//===----------------------------------------------------------------------===//
// Quartermaster: a small disk for tests of what happens when it is full
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Glibc

/// A file system in memory, in the mount namespace of one process of a test.
public enum SmallDisk {
    public static var works: Bool { geteuid() == 0 }

    /// In an exit test: this process, and what it starts, see it from now on.
    public static func mount(at path: String, kilobytes: Int32) -> Bool {
        cspawn_mount_small_disk(path, kilobytes) == 0
    }

    /// What comes before a program and its arguments, so that it has a small disk at `path`.
    public static func prefix(at path: String, kilobytes: Int) -> [String] {
        let script = "mount --make-rprivate / && mount -t tmpfs -o size=${1}k tmpfs \"$0\" && shift && exec \"$@\""
        return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, path, String(kilobytes)]
    }

    /// Takes all that is left of the disk; gives the path of the file that has it.
    public static func fill(_ directory: String) throws -> String {
        let path = directory + "/filler"
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw TestSupportError("open: \(errno)") }
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4096)
        while write(file, page, page.count) == page.count {}
        guard errno == ENOSPC else { throw TestSupportError("write: \(errno)") }
        return path
    }
}
