//===----------------------------------------------------------------------===//
// Quartermaster: a child process that is reaped as soon as it ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// One child of the test program: its end, and signals that reach it alone.
///
/// A thread waits for its end, whether or not the test asks: exit tests that run at the same time look at the dead
/// children of the whole test program, and one that is not reaped would hold them up.
final class ReapedChild: @unchecked Sendable {
    private let pid: Int32
    private let lock = NSLock()
    private var end: Int32?

    init(_ pid: Int32) {
        self.pid = pid
        Thread.detachNewThread { self.waitForEnd() }
    }

    /// The exit status, or 128 plus the signal number; nil while it lives.
    var status: Int32? { lock.withLock { reap() } }

    /// Signals the process, or its group, while it exists: never a stranger that got its number later.
    func send(_ signal: Int32, toGroup: Bool = false) {
        lock.withLock {
            if reap() == nil { kill(toGroup ? -pid : pid, signal) }
        }
    }

    /// Sleeps until there is something to reap, and leaves it there: only under the lock is it taken.
    private func waitForEnd() {
        var facts = siginfo_t()
        while waitid(P_PID, id_t(pid), &facts, WEXITED | WNOWAIT) == -1 && errno == EINTR {}
        _ = status
    }

    private func reap() -> Int32? {
        if let end { return end }
        var raw: Int32 = 0
        guard waitpid(pid, &raw, WNOHANG) == pid else { return nil }
        let signal = raw & 0x7f
        end = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
        return end
    }
}
