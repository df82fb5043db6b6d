//===----------------------------------------------------------------------===//
// Quartermaster: sanity checks of the accounts that main.cf names
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the user and group databases say about the accounts of main.cf, as values.
package struct AccountFacts: Equatable, Sendable {
    package struct User: Equatable, Sendable {
        package var userID: UInt32
        package var groupID: UInt32
        /// The name that a look-up by this user id gives.
        package var nameByID: String?

        package init(userID: UInt32, groupID: UInt32, nameByID: String? = nil) {
            self.userID = userID
            self.groupID = groupID
            self.nameByID = nameByID
        }
    }

    package struct Group: Equatable, Sendable {
        package var groupID: UInt32
        package var nameByID: String?

        package init(groupID: UInt32, nameByID: String? = nil) {
            self.groupID = groupID
            self.nameByID = nameByID
        }
    }

    /// Nil for a name that does not exist.
    package var mailOwner: User?
    package var defaultPrivs: User?
    package var setgidGroup: Group?

    package init(mailOwner: User?, defaultPrivs: User?, setgidGroup: Group?) {
        self.mailOwner = mailOwner
        self.defaultPrivs = defaultPrivs
        self.setgidGroup = setgidGroup
    }
}

/// The accounts have to exist, to be without privileges, and not to be shared.
package enum IdentityChecks {
    package static func problems(
        settings: MainSettings,
        accounts: AccountFacts,
        dictionary: MainDictionary? = nil
    ) -> [ConfigProblem] {
        var checker = IdentityChecker(path: settings.mainPath, dictionary: dictionary)
        checker.checkUser("mail_owner", settings.mailOwner, accounts.mailOwner, mustBeUnshared: true)
        checker.checkUser("default_privs", settings.defaultPrivs, accounts.defaultPrivs, mustBeUnshared: false)
        checker.checkGroup("setgid_group", settings.setgidGroup, accounts.setgidGroup)
        checker.checkOverlap(settings, accounts)
        return checker.problems
    }
}

private struct IdentityChecker {
    let path: String
    let dictionary: MainDictionary?
    var problems: [ConfigProblem] = []

    init(path: String, dictionary: MainDictionary?) {
        self.path = path
        self.dictionary = dictionary
    }

    private mutating func refuse(_ parameter: String, _ text: String, cure: String) {
        problems.append(.fatal(text, at: dictionary?.place(of: parameter) ?? .file(path), cure: cure))
    }

    mutating func checkUser(_ parameter: String, _ name: String, _ user: AccountFacts.User?, mustBeUnshared: Bool) {
        guard let user else {
            return refuse(
                parameter,
                "parameter \(parameter): unknown user name value: \(name)",
                cure: "Create the user \(name), or set \(parameter) to one that exists."
            )
        }
        let cure = "Set \(parameter) to a user that has no privileges and is used for nothing else."
        if user.userID == 0 {
            return refuse(parameter, "parameter \(parameter): user \(name) has privileged user ID", cure: cure)
        }
        if user.groupID == 0 {
            return refuse(parameter, "parameter \(parameter): user \(name) has privileged group ID", cure: cure)
        }
        if mustBeUnshared, let other = user.nameByID, !other.hasSameBytes(as: name) {
            refuse(parameter, "parameter \(parameter): user \(name) has same user ID as \(other)", cure: cure)
        }
    }

    mutating func checkGroup(_ parameter: String, _ name: String, _ group: AccountFacts.Group?) {
        guard let group else {
            return refuse(
                parameter,
                "parameter \(parameter): unknown group name: \(name)",
                cure: "Create the group \(name), or set \(parameter) to one that exists."
            )
        }
        let cure = "Set \(parameter) to a group that has no privileges and is used for nothing else."
        if group.groupID == 0 {
            return refuse(parameter, "parameter \(parameter): group \(name) has privileged group ID", cure: cure)
        }
        if let other = group.nameByID, !other.hasSameBytes(as: name) {
            refuse(parameter, "parameter \(parameter): group \(name) has same group ID as \(other)", cure: cure)
        }
    }

    mutating func checkOverlap(_ settings: MainSettings, _ accounts: AccountFacts) {
        let owner = settings.mailOwner
        let other = settings.defaultPrivs
        if owner.hasSameBytes(as: other) {
            refuseOverlap("default_privs", "mail_owner", " specify the same user \(owner)")
        } else if let ownerUser = accounts.mailOwner, let otherUser = accounts.defaultPrivs {
            if ownerUser.userID == otherUser.userID {
                refuseOverlap(
                    "default_privs",
                    "mail_owner",
                    ": users \(other) and \(owner) have the same user ID: \(ownerUser.userID)"
                )
            }
            if ownerUser.groupID == otherUser.groupID {
                refuseOverlap(
                    "default_privs",
                    "mail_owner",
                    ": users \(other) and \(owner) have the same group ID: \(ownerUser.groupID)"
                )
            }
        }
        guard let group = accounts.setgidGroup else { return }
        for (parameter, name, user) in [
            ("default_privs", other, accounts.defaultPrivs), ("mail_owner", owner, accounts.mailOwner),
        ] where user?.groupID == group.groupID {
            refuseOverlap(
                parameter,
                "setgid_group",
                ": user \(name) and group \(settings.setgidGroup) have the same group ID: \(group.groupID)"
            )
        }
    }

    private mutating func refuseOverlap(_ first: String, _ second: String, _ reason: String) {
        refuse(
            first,
            "parameters \(first) and \(second)\(reason)",
            cure: "Give \(first) and \(second) identities of their own."
        )
    }
}
