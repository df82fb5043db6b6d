//===----------------------------------------------------------------------===//
// Quartermaster: users, groups and the privileges of this process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// One account of passwd(5).
package struct UserAccount: Equatable, Sendable {
    package let name: String
    package let uid: UInt32
    package let gid: UInt32

    package init(name: String, uid: UInt32, gid: UInt32) {
        self.name = name
        self.uid = uid
        self.gid = gid
    }
}

// The forms of the calls with a buffer of the caller's: those without one share one of the process's. They throw where
// nobody can tell whether there is such an entry: descriptors or memory are short, or a disk or directory fails.

/// getpwnam_r(3); nil for an unknown name.
package func userAccount(named name: String) throws(SystemError) -> UserAccount? {
    unsafe try entry(.getpwnam, passwd()) {
        unsafe getpwnam_r(name, $0, $1, $2, $3)
    } as: {
        unsafe UserAccount($0)
    }
}

/// getpwuid_r(3): the account that owns this uid, the first one listed.
package func userAccount(uid: UInt32) throws(SystemError) -> UserAccount? {
    unsafe try entry(.getpwuid, passwd()) {
        unsafe getpwuid_r(uid, $0, $1, $2, $3)
    } as: {
        unsafe UserAccount($0)
    }
}

/// getgrnam_r(3): the group's number; nil for an unknown name.
package func groupID(named name: String) throws(SystemError) -> UInt32? {
    unsafe try entry(.getgrnam, group()) {
        unsafe getgrnam_r(name, $0, $1, $2, $3)
    } as: {
        unsafe $0.gr_gid
    }
}

/// getgrgid_r(3): the group's name, the first one listed.
package func groupName(gid: UInt32) throws(SystemError) -> String? {
    unsafe try entry(.getgrgid, group()) {
        unsafe getgrgid_r(gid, $0, $1, $2, $3)
    } as: {
        unsafe String(cString: $0.gr_name)
    }
}

extension UserAccount {
    fileprivate init(_ entry: passwd) {
        unsafe self.init(name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid)
    }
}

/// More bytes than an entry of any account has, or of a group with all its members.
private let longestEntry = 4 << 20

/// Asks with larger and larger buffers until the entry fits; `read` sees it while the buffer is there.
private func entry<Entry, Value>(
    _ call: SystemCall,
    _ blank: Entry,
    _ ask: (
        UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    )
        -> CInt,
    as read: (Entry) -> Value
) throws(SystemError) -> Value? {
    var size = 1024
    while size <= longestEntry {
        var value: Value?
        do throws(SystemError) {
            _ = try calling(call) {
                unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
                    var entry = blank
                    var found: UnsafeMutablePointer<Entry>?
                    let code = unsafe ask(&entry, buffer.baseAddress!, buffer.count, &found)
                    if unsafe code == 0 && found != nil { value = read(entry) }
                    return -code
                }
            }
            return value
        } catch {
            if error.code == .resultTooLarge {
                size *= 4
            } else if error.isShortage || error.code == .ioError {
                throw error
            } else {
                // So it is answered, too, where there is no such entry, or no list of entries.
                return nil
            }
        }
    }
    return nil
}

/// Who this process is and may become.
package enum Identity {
    package static var realUser: UInt32 { getuid() }
    package static var effectiveUser: UInt32 { geteuid() }

    /// setgid(2), initgroups(3): first half of becoming `user` for good.
    package static func takeGroups(of user: UserAccount) throws(SystemError) {
        _ = try calling(.setgid) { cposix_setgid(user.gid) }
        _ = try calling(.initgroups) { unsafe cposix_initgroups(user.name, user.gid) }
    }

    /// setuid(2): second half; no way back.
    package static func become(_ user: UserAccount) throws(SystemError) {
        _ = try calling(.setuid) { cposix_setuid(user.uid) }
    }

    /// Effective ids of `user`, with its primary group only: setegid(2), setgroups(2), seteuid(2). Undone by
    /// `returnToRoot`.
    package static func borrow(_ user: UserAccount) throws(SystemError) {
        _ = try calling(.setegid) { cposix_setegid(user.gid) }
        try setSupplementaryGroups([user.gid])
        _ = try calling(.seteuid) { cposix_seteuid(user.uid) }
    }

    /// Back to root: seteuid(2), setgid(2), setgroups(2) to {0}, setuid(2).
    package static func returnToRoot() throws(SystemError) {
        _ = try calling(.seteuid) { cposix_seteuid(0) }
        _ = try calling(.setgid) { cposix_setgid(0) }
        try setSupplementaryGroups([0])
        _ = try calling(.setuid) { cposix_setuid(0) }
    }

    private static func setSupplementaryGroups(_ groups: [UInt32]) throws(SystemError) {
        _ = try calling(.setgroups) {
            unsafe groups.withUnsafeBufferPointer { unsafe cposix_setgroups($0.count, $0.baseAddress!) }
        }
    }
}

/// sysconf(3) _SC_OPEN_MAX: how many descriptors this process may have.
package func openFileLimit() -> Int { sysconf(CInt(_SC_OPEN_MAX)) }

/// setrlimit(2): as many descriptors as the hard limit allows, for us and our children.
package func raiseDescriptorLimit() throws(SystemError) {
    _ = try calling(.setrlimit) { cposix_raise_descriptor_limit() }
}
