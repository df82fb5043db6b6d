//===----------------------------------------------------------------------===//
// Quartermaster: tests of who a command may run as
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CommandRunning
import MasterConfig
import Testing

struct CommandUserTests {
    private static let owner = CommandUser(uid: 102, gid: 105, hasOwnGroup: false)

    @Test(
        "root runs no command as root, as the mail owner, or with a group of theirs",
        arguments: [
            (0, 1000, "request to deliver as root"),
            (0, 0, "request to deliver as root"),
            (102, 1000, "request to deliver as mail system owner"),
            (102, 105, "request to deliver as mail system owner"),
            (1000, 0, "request to use privileged group id 0"),
            (1000, 105, "request to use mail system owner group id 105"),
            (.max, 1000, "user must not have user ID -1"),
            (1000, .max, "user must not have group ID -1"),
            (1000, 1000, nil), (65534, 65534, nil), (102 + 1, 105 + 1, nil),
        ] as [(UInt32, UInt32, String?)]
    )
    func byRoot(_ uid: UInt32, _ gid: UInt32, _ expected: String?) {
        var found: ConfigProblem?
        do throws(ConfigProblem) {
            try CommandUser(uid: uid, gid: gid, hasOwnGroup: true).check(owner: Self.owner)
        } catch {
            found = error
        }
        #expect(found?.text == expected)
        #expect(expected == nil || found?.cure != nil)
    }

    @Test("an ordinary user runs commands as itself, without another group")
    func byUser() {
        func isAllowed(_ uid: UInt32, hasOwnGroup: Bool) -> Bool {
            (try? CommandUser(uid: uid, gid: 100, hasOwnGroup: hasOwnGroup).check(asUser: 1000)) != nil
        }
        #expect(isAllowed(1000, hasOwnGroup: false))
        #expect(!isAllowed(1000, hasOwnGroup: true))
        #expect(!isAllowed(1001, hasOwnGroup: false))
        #expect(!isAllowed(0, hasOwnGroup: false))
    }
}
