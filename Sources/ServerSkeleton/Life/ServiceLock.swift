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

    /// Waits for as long as it takes. Being second in line is not being stuck.
    mutating func take(_ log: Log) {
        if isHeld { return }
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
