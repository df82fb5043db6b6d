//===----------------------------------------------------------------------===//
// Quartermaster: giving up what a server does not need
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// Becomes the mail owner (`-u`) inside the queue directory (`-c`), for good. A failure is fatal: a server never runs
/// with more than it was given.
enum Privileges {
    static func drop(_ options: DaemonOptions, _ settings: MainSettings, _ log: Log) {
        let user = options.isUnprivileged ? account(settings.mailOwner, log) : nil
        if let user {
            step("setgid(\(user.gid))", log) { () throws(SystemError) in try Identity.takeGroups(of: user) }
        }
        if options.isChroot {
            let root = settings.queueDirectory
            step("chroot(\(root))", log) { () throws(SystemError) in try changeRoot(root) }
            step("chdir(/)", log) { () throws(SystemError) in try changeDirectory("/") }
        }
        if let user {
            step("setuid(\(user.uid))", log) { () throws(SystemError) in try Identity.become(user) }
        }
    }

    /// Nil when we are that user already: when an ordinary user runs everything, there is nothing to give up.
    private static func account(_ name: String, _ log: Log) -> UserAccount? {
        let found: UserAccount?
        do throws(SystemError) {
            found = try userAccount(named: name)
        } catch {
            log.fatal(ConfigProblem.cannotLookUp("user \"\(name)\"", error).logged)
        }
        guard let user = found else { log.fatal("unknown user: \(name)") }
        let isAlreadyUser = user.uid != 0 && Identity.realUser == user.uid && Identity.effectiveUser == user.uid
        return isAlreadyUser ? nil : user
    }

    private static func step(_ name: String, _ log: Log, _ body: () throws(SystemError) -> Void) {
        do throws(SystemError) {
            try body()
        } catch {
            log.fatal(error.call == .initgroups ? "initgroups" : name, error)
        }
    }
}
