//===----------------------------------------------------------------------===//
// Quartermaster: what the user database says about the accounts of main.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig
import SystemCalls

/// Looks up the accounts that the settings name, for the identity checks.
package func accountFacts(_ settings: MainSettings) -> AccountFacts {
    AccountFacts(
        mailOwner: userFacts(settings.mailOwner),
        defaultPrivs: userFacts(settings.defaultPrivs),
        setgidGroup: groupID(named: settings.setgidGroup).map {
            AccountFacts.Group(groupID: $0, nameByID: groupName(gid: $0))
        }
    )
}

private func userFacts(_ name: String) -> AccountFacts.User? {
    userAccount(named: name).map {
        AccountFacts.User(userID: $0.uid, groupID: $0.gid, nameByID: userAccount(uid: $0.uid)?.name)
    }
}
