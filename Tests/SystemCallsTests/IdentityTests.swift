//===----------------------------------------------------------------------===//
// Quartermaster: tests of looking accounts up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import Testing

@Suite struct IdentityTests {
    @Test("accounts and groups are found by name and by number, and unknown ones are not")
    func lookUps() {
        #expect(userAccount(named: "root") == UserAccount(name: "root", uid: 0, gid: 0))
        #expect(userAccount(uid: 0)?.name == "root")
        #expect(groupID(named: "root") == 0)
        #expect(groupName(gid: 0) == "root")
        #expect(userAccount(named: "no-such-user") == nil)
        #expect(userAccount(uid: 4_000_000_000) == nil)
        #expect(groupID(named: "no-such-group") == nil)
        #expect(groupName(gid: 4_000_000_000) == nil)
    }

    @Test("many who look up at the same time each get the account that they asked for")
    func together() async {
        let names = ["root", "daemon", "bin", "sys", "nobody", "mail"]
        let known = names.map { userAccount(named: $0) }
        await withTaskGroup(of: Bool.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    (0..<2000).allSatisfy { round in
                        let index = (worker + round) % names.count
                        return userAccount(named: names[index]) == known[index]
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
