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
    package static let terminate = Signal(SIGTERM)
    package static let child = Signal(SIGCHLD)
    package static let urgent = Signal(SIGURG)
    package static let user1 = Signal(SIGUSR1)
    package static let fileSize = Signal(SIGXFSZ)
    package static let user2 = Signal(SIGUSR2)
}

extension Signal {
    /// sigaction(2) SIG_IGN.
    package func ignore() throws(SystemError) { _ = try calling(.sigaction) { cposix_ignore_signal(rawValue) } }

    /// sigaction(2) SIG_DFL.
    package func restoreDefault() throws(SystemError) {
        _ = try calling(.sigaction) { cposix_default_signal(rawValue) }
    }
}

/// What a signal did before it was given its default action for a while.
package struct SignalAction {
    fileprivate var saved = cposix_signal_action()
}

extension Signal {
    /// sigaction(2) SIG_DFL, until `restore`.
    package func takeDefault() throws(SystemError) -> SignalAction {
        var action = SignalAction()
        _ = try calling(.sigaction) { unsafe cposix_take_default_action(rawValue, &action.saved) }
        return action
    }

    /// sigaction(2): what it was before `takeDefault`.
    package func restore(_ action: SignalAction) throws(SystemError) {
        var action = action
        _ = try calling(.sigaction) { unsafe cposix_restore_action(rawValue, &action.saved) }
    }
}

/// sigprocmask(2): nothing is blocked from now on.
package func unblockAllSignals() throws(SystemError) { _ = try calling(.sigprocmask) { cposix_unblock_signals() } }

/// sigprocmask(2): every signal waits, in this program and in the next one that this process executes.
package func blockAllSignals() throws(SystemError) { _ = try calling(.sigprocmask) { cposix_block_signals() } }

/// SIGILL, SIGBUS and SIGSEGV end the process (and its group, when `wholeGroup`) as a fatal signal does.
package func catchCrashes(wholeGroup: Bool) throws(SystemError) {
    _ = try calling(.sigaction) { cposix_catch_crashes(wholeGroup ? 1 : 0) }
}

/// A store into a `SharedMemory` does not end the process, whatever became of the file.
package func catchBusErrors() throws(SystemError) { _ = try calling(.sigaction) { cposix_catch_bus_errors() } }

/// What is written to standard error, where that is /dev/null, is logged when the process crashes: the words of Swift's
/// runtime, or of a library. Costs a descriptor.
package func keepErrors() throws(SystemError) { _ = try calling(.memfdCreate) { cposix_keep_errors() } }

/// alarm(2) with the default action: whatever happens, the process is gone in `seconds`.
package func armSelfDestruct(seconds: UInt32) { cposix_self_destruct(seconds) }

/// The watchdog of this process: a counter that the event loop bumps and a periodic SIGALRM looks at, so that a
/// turn of the loop costs no system call.
package enum Watchdog {
    /// Starts anew with a limit in seconds, at least 3: three strikes, a third of the limit apart.
    package static func start(seconds: UInt32) throws(SystemError) {
        _ = try calling(.setitimer) { cposix_watchdog_start(seconds) }
    }

    /// The process is about to wait, for events or for a lock: waiting is not being stuck.
    @inline(__always)
    package static func waitBegins() { cposix_watchdog_wait(1) }

    /// Back from it, and that is progress.
    @inline(__always)
    package static func waitEnded() {
        cposix_watchdog_wait(0)
        cposix_watchdog_pat()
    }
}

/// The last lines of this process, kept ready for the watchdog and for a crash: signal handlers make none. At most 512
/// bytes each.
package enum LastWords {
    /// To the plain file `file`, and where there is none, to `log`.
    package static func setDestination(_ log: DescriptorNumber, file: String?) {
        let path = file ?? ""
        unsafe path.withCString { unsafe cposix_last_words_go_to(log.rawValue, $0, path.utf8.count) }
    }

    /// The line of a process whose watchdog bites.
    package static func setWatchdogLine(_ line: String) {
        unsafe line.withCString { unsafe cposix_words_when_stuck($0, line.utf8.count) }
    }

    /// How a line begins that holds what was written to standard error before a crash (`keepErrors`).
    package static func setErrorPrefix(_ beginning: String) {
        unsafe beginning.withCString { unsafe cposix_words_before_errors($0, beginning.utf8.count) }
    }

    /// The line of a process that crashes; the number of the signal is put behind it.
    package static func setCrashLine(_ line: String) {
        unsafe line.withCString { unsafe cposix_words_when_crashed($0, line.utf8.count) }
    }
}
