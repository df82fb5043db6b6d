//===----------------------------------------------------------------------===//
// Quartermaster: standing on its own feet: standard descriptors, session, identity
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// The steps that separate master from whoever started it.
enum Detach {
    /// Opens /dev/null where a standard descriptor is closed, so that nothing of ours ever gets such a number.
    static func fillStandardDescriptors() {
        while let null = try? openFile("/dev/null", .readWrite) {
            if null.number.rawValue > DescriptorNumber.standardError.rawValue { return }
            try? null.number.setCloseOnExec(false)
            _ = null.release()
        }
    }

    /// Puts /dev/null on the standard descriptors, except output where the log goes there.
    static func replaceStandardDescriptors(keepingOutput: Bool, _ log: Log) {
        for number in [DescriptorNumber.standardInput, .standardOutput, .standardError] {
            if keepingOutput && number == .standardOutput { continue }
            do throws(SystemError) {
                let null = try openFile("/dev/null", .readWrite)
                if null.number == number {
                    try number.setCloseOnExec(false)
                    _ = null.release()
                } else {
                    try null.number.copy(onto: number)
                }
            } catch {
                log.fatal("open /dev/null", error)
            }
        }
    }

    static func startSession(_ log: Log) {
        do throws(SystemError) {
            try SystemCalls.startSession()
        } catch {
            log.fatal("unable to set session and process group ID", error)
        }
    }
}

/// The identity that master borrows for what belongs to the mail system: endpoints, the data lock, wake-up FIFOs.
struct MailOwner: Sendable {
    let account: UserAccount
    /// Run by an ordinary user, master is its mail owner already.
    let isSwitching: Bool

    init(_ account: UserAccount) {
        self.account = account
        isSwitching = Identity.effectiveUser == 0
    }

    /// Runs `body` with the owner's effective ids. Coming back to root cannot fail for a process that was root.
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
