//===----------------------------------------------------------------------===//
// Quartermaster: what the user database says about the accounts of main.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig
import SystemCalls

/// Looks up an account, and which name its number gives; nil for an unknown name. Asks the name services, which may
/// take long.
package func userFacts(named name: String) -> AccountFacts.User? {
    userAccount(named: name).map {
        AccountFacts.User(userID: $0.uid, groupID: $0.gid, nameByID: userAccount(uid: $0.uid)?.name)
    }
}

/// The same for a group.
package func groupFacts(named name: String) -> AccountFacts.Group? {
    groupID(named: name).map { AccountFacts.Group(groupID: $0, nameByID: groupName(gid: $0)) }
}
