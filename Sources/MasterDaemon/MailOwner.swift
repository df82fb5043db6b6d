//===----------------------------------------------------------------------===//
// Quartermaster: the identity that master borrows
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// The identity that master borrows for what belongs to the mail system: endpoints, the data lock, wake-up FIFOs.
struct MailOwner: Sendable {
    let account: UserAccount
    /// Run by an ordinary user, master is its mail owner already.
    let isSwitching: Bool

    init(_ account: UserAccount) {
        self.account = account
        isSwitching = Identity.effectiveUser == 0
    }

    /// Runs `body` with the owner's effective ids. A process that was root and cannot become root again ends here: it
    /// could do nothing of what master is for.
    func perform<Result: ~Copyable, Failure: Error>(
        _ log: Log,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard isSwitching else { return try body() }
        do throws(SystemError) {
            try Identity.borrow(account)
        } catch {
            log.fatal("set_eugid: \(error.call.rawValue)(\(account.uid)): \(error.reason)")
        }
        defer {
            do throws(SystemError) {
                try Identity.returnToRoot()
            } catch {
                log.fatal("set_ugid: \(error.call.rawValue)(0): \(error.reason)")
            }
        }
        return try body()
    }
}
