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

/// getpwnam(3); nil for an unknown name.
package func userAccount(named name: String) -> UserAccount? {
    guard let entry = unsafe getpwnam(name) else { return nil }
    return unsafe UserAccount(
        name: String(cString: entry.pointee.pw_name),
        uid: entry.pointee.pw_uid,
        gid: entry.pointee.pw_gid
    )
}

/// getpwuid(3): the account that owns this uid, the first one listed.
package func userAccount(uid: UInt32) -> UserAccount? {
    guard let entry = unsafe getpwuid(uid) else { return nil }
    return unsafe UserAccount(
        name: String(cString: entry.pointee.pw_name),
        uid: entry.pointee.pw_uid,
        gid: entry.pointee.pw_gid
    )
}

/// getgrnam(3): the group's number; nil for an unknown name.
package func groupID(named name: String) -> UInt32? {
    guard let entry = unsafe getgrnam(name) else { return nil }
    return unsafe entry.pointee.gr_gid
}

/// getgrgid(3): the group's name, the first one listed.
package func groupName(gid: UInt32) -> String? {
    guard let entry = unsafe getgrgid(gid) else { return nil }
    return unsafe String(cString: entry.pointee.gr_name)
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

/// setrlimit(2): as many descriptors as the hard limit allows, for us and our children.
package func raiseDescriptorLimit() throws(SystemError) {
    _ = try calling(.setrlimit) { cposix_raise_descriptor_limit() }
}
