//===----------------------------------------------------------------------===//
// Quartermaster: what the user database says about the accounts of main.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig
package import SystemCalls

/// Looks up an account, and which name its number gives; nil for an unknown name. Asks the name services, which may
/// take long.
package func userFacts(named name: String) throws(SystemError) -> AccountFacts.User? {
    guard let user = try userAccount(named: name) else { return nil }
    return AccountFacts.User(userID: user.uid, groupID: user.gid, nameByID: try userAccount(uid: user.uid)?.name)
}

/// The same for a group.
package func groupFacts(named name: String) throws(SystemError) -> AccountFacts.Group? {
    guard let gid = try groupID(named: name) else { return nil }
    return AccountFacts.Group(groupID: gid, nameByID: try groupName(gid: gid))
}

extension ConfigProblem {
    /// Nobody can tell whether there is such a thing, so nothing is wrong with the name.
    ///
    /// - Parameter what: for example `user "postfix"`.
    package static func cannotLookUp(_ what: String, _ error: SystemError, at place: Place? = nil) -> ConfigProblem {
        cannotLookUp(what, error.reason, isShortage: error.isShortage, at: place)
    }

    package static func cannotLookUp(
        _ what: String,
        _ reason: String,
        isShortage: Bool = false,
        at place: Place? = nil
    ) -> ConfigProblem {
        .fatal(
            "cannot look up \(what): \(reason)",
            at: place,
            cure: isShortage
                ? shortageCure
                : "Look for a name server or directory that does not answer, or use addresses and local names."
        )
    }
}
