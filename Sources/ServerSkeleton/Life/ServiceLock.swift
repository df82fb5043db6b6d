//===----------------------------------------------------------------------===//
// Quartermaster: the lock of a service whose processes wait one at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Lets one process of a service wait for work at a time. Locked before a turn, unlocked as soon as there is work. What
/// the kernel refuses may work the next time: the owner decides when that is.
struct ServiceLock: ~Copyable {
    private let file: Descriptor
    private var isHeld = false

    init(_ file: consuming Descriptor) { self.file = file }

    enum Attempt { case held, othersHaveIt }

    /// Does not wait.
    mutating func tryToLock() throws(SystemError) -> Attempt {
        if !isHeld { isHeld = try file.number.tryExclusiveLock() }
        return isHeld ? .held : .othersHaveIt
    }

    /// Waits until the others are done. Being second in line is not being stuck.
    mutating func lock() throws(SystemError) {
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        try file.number.lockExclusively()
        isHeld = true
    }

    /// When it throws, the lock is still held.
    mutating func unlock() throws(SystemError) {
        if !isHeld { return }
        try file.number.unlock()
        isHeld = false
    }
}
