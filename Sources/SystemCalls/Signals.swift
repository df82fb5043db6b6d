//===----------------------------------------------------------------------===//
// Quartermaster: signals: their numbers and dispositions
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// A signal by number.
package struct Signal: Hashable, Sendable {
    package let rawValue: Int32
    package init(_ rawValue: Int32) { self.rawValue = rawValue }

    package static let hangup = Signal(SIGHUP)
    package static let interrupt = Signal(SIGINT)
    package static let quit = Signal(SIGQUIT)
    package static let kill = Signal(SIGKILL)
    package static let pipe = Signal(SIGPIPE)
    package static let alarm = Signal(SIGALRM)
    package static let terminate = Signal(SIGTERM)
    package static let child = Signal(SIGCHLD)
    package static let urgent = Signal(SIGURG)
    package static let fileSize = Signal(SIGXFSZ)
}

extension Signal {
    /// sigaction(2) SIG_IGN.
    package func ignore() throws(SystemError) { _ = try calling(.sigaction) { cposix_ignore_signal(rawValue) } }

    /// sigaction(2) SIG_DFL.
    package func restoreDefault() throws(SystemError) {
        _ = try calling(.sigaction) { cposix_default_signal(rawValue) }
    }
}

/// sigprocmask(2): nothing is blocked from now on.
package func unblockAllSignals() throws(SystemError) { _ = try calling(.sigprocmask) { cposix_unblock_signals() } }

/// SIGILL, SIGBUS and SIGSEGV end the process (and its group, when `wholeGroup`) as a fatal signal does.
package func catchCrashes(wholeGroup: Bool) throws(SystemError) {
    _ = try calling(.sigaction) { cposix_catch_crashes(wholeGroup ? 1 : 0) }
}

/// alarm(2) with the default action: whatever happens, the process is gone in `seconds`.
package func armSelfDestruct(seconds: UInt32) { cposix_self_destruct(seconds) }

/// The watchdog of this process: a counter that the event loop bumps and a periodic SIGALRM looks at, so that a
/// turn of the loop costs no system call.
package enum Watchdog {
    /// Starts anew with a limit in seconds, at least 3: three strikes, a third of the limit apart.
    package static func start(seconds: UInt32) throws(SystemError) {
        _ = try calling(.setitimer) { cposix_watchdog_start(seconds) }
    }

    package static func stop() { cposix_watchdog_stop() }

    /// The process is about to wait, for events or for a lock: waiting is not being stuck.
    @inline(__always)
    package static func waitBegins() { cposix_watchdog_wait(1) }

    /// Back from it, and that is progress.
    @inline(__always)
    package static func waitEnded() {
        cposix_watchdog_wait(0)
        cposix_watchdog_pat()
    }

    /// The line that goes to `log` when the watchdog bites; at most 512 bytes.
    package static func setLastWords(_ line: String, log: DescriptorNumber) {
        let bytes = Array(line.utf8)
        unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                if let base = $0.baseAddress { unsafe cposix_watchdog_last_words(log.rawValue, base, bytes.count) }
            }
        }
    }
}
