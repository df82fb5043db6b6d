//===----------------------------------------------------------------------===//
// Quartermaster: as whom a command may run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig

/// Decides whether a command may run with these numbers. Looks up nothing, and changes nothing.
package struct CommandUser: Equatable, Sendable {
    package let uid: UInt32
    package let gid: UInt32
    /// Of the group that the attributes name, rather than the user's own.
    package let hasOwnGroup: Bool

    package init(uid: UInt32, gid: UInt32, hasOwnGroup: Bool) {
        (self.uid, self.gid, self.hasOwnGroup) = (uid, gid, hasOwnGroup)
    }

    /// What setuid(2) and its like take for "no change".
    private static let reserved = UInt32.max

    /// A process with root's powers runs no command as root, as the mail owner, or with a group of theirs.
    package func check(owner: CommandUser) throws(ConfigProblem) {
        let cure = "Name another user in user=, one that is used for nothing else."
        let groupCure = "Name another group behind the user in user=."
        if uid == 0 { throw .fatal("request to deliver as root", cure: cure) }
        if uid == owner.uid { throw .fatal("request to deliver as mail system owner", cure: cure) }
        if gid == 0 { throw .fatal("request to use privileged group id 0", cure: groupCure) }
        if gid == owner.gid {
            throw .fatal("request to use mail system owner group id \(gid)", cure: groupCure)
        }
        if uid == Self.reserved { throw .fatal("user must not have user ID -1", cure: cure) }
        if gid == Self.reserved { throw .fatal("user must not have group ID -1", cure: groupCure) }
    }

    /// A process without root's powers runs commands as the user that it is, and nobody else.
    package func check(asUser ours: UInt32) throws(ConfigProblem) {
        if uid == ours, !hasOwnGroup { return }
        let cure = "Start master as root, or name the user who starts it, and no group, in user=."
        throw .fatal("only root may run a command as another user or group", cure: cure)
    }
}
