//===----------------------------------------------------------------------===//
// Quartermaster: the lock that siblings of a datagram service share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// Lets one process of a service wait for work at a time. Taken before a turn, given up as soon as there is work.
struct ServiceLock: ~Copyable {
    private let file: Descriptor
    private var isHeld = false

    init(_ file: consuming Descriptor) { self.file = file }

    enum Attempt { case held, othersHaveIt }

    /// Does not wait.
    mutating func tryToTake(_ log: Log) -> Attempt {
        if isHeld { return .held }
        do throws(SystemError) {
            isHeld = try file.number.tryExclusiveLock()
        } catch {
            log.fatal("select lock", error)
        }
        return isHeld ? .held : .othersHaveIt
    }

    /// Waits for as long as it takes. Being second in line is not being stuck.
    mutating func take(_ log: Log) {
        Watchdog.waitBegins()
        do throws(SystemError) {
            try file.number.lockExclusively()
        } catch {
            log.fatal("select lock", error)
        }
        Watchdog.waitEnded()
        isHeld = true
    }

    mutating func release(_ log: Log) {
        if !isHeld { return }
        do throws(SystemError) {
            try file.number.unlock()
        } catch {
            log.fatal("select unlock", error)
        }
        isHeld = false
    }
}
