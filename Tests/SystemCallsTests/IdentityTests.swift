//===----------------------------------------------------------------------===//
// Quartermaster: tests of looking accounts up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import Testing

@Suite struct IdentityTests {
    @Test("accounts and groups are found by name and by number, and unknown ones are not")
    func lookUps() throws {
        #expect(try userAccount(named: "root") == UserAccount(name: "root", uid: 0, gid: 0))
        #expect(try userAccount(uid: 0)?.name == "root")
        #expect(try groupID(named: "root") == 0)
        #expect(try groupName(gid: 0) == "root")
        #expect(try userAccount(named: "no-such-user") == nil)
        #expect(try userAccount(uid: 4_000_000_000) == nil)
        #expect(try groupID(named: "no-such-group") == nil)
        #expect(try groupName(gid: 4_000_000_000) == nil)
    }

    @Test("where nobody can tell, an account is not called unknown; what is no list of accounts has none")
    func untold() async {
        await #expect(processExitsWith: .success) {
            for code in [Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .ioError] {
                for call in [SystemCall.getpwnam, .getpwuid, .getgrnam, .getgrgid] { FaultPlan.fail(call, with: code) }
                #expect(throws: SystemError(.getpwnam, code)) { try userAccount(named: "root") }
                #expect(throws: SystemError(.getpwuid, code)) { try userAccount(uid: 0) }
                #expect(throws: SystemError(.getgrnam, code)) { try groupID(named: "root") }
                #expect(throws: SystemError(.getgrgid, code)) { try groupName(gid: 0) }
                FaultPlan.clear()
            }
            for code in [Errno.noSuchFileOrDirectory, .noSuchProcess, .notPermitted] {
                FaultPlan.fail(.getpwnam, with: code)
                let none = try userAccount(named: "root")
                #expect(none == nil)
            }
            FaultPlan.fail(.getpwnam, with: .resultTooLarge, times: 3)
            let large = try userAccount(named: "root")
            #expect(large?.uid == 0)
        }
    }

    @Test("many who look up at the same time each get the account that they asked for")
    func together() async throws {
        let names = ["root", "daemon", "bin", "sys", "nobody", "mail"]
        let known = try names.map { try userAccount(named: $0) }
        await withTaskGroup(of: Bool.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    (0..<2000).allSatisfy { round in
                        let index = (worker + round) % names.count
                        return (try? userAccount(named: names[index])) == known[index]
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
