//===----------------------------------------------------------------------===//
// Quartermaster: how master ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterPolicy
import StatusPage
import SystemCalls

/// How long the last words of a master that was told to end may take.
private let lastWordsSeconds: UInt32 = 5

extension Master {
    /// What all ends have in common: whoever looks at master learns that it ends because it was told to.
    func sayFarewell(_ reason: String) {
        board.master.state = .stopping
        publishMaster()
        tellManager(.stopping(reason: reason))
    }

    /// A signal asks for the end: all processes of the group get SIGTERM, and master dies of the same signal, so
    /// that its exit status tells. It waits for no child; those that survive see the end of their status channel.
    func terminate(_ signal: Signal) -> Never {
        armSelfDestruct(seconds: lastWordsSeconds)
        sayFarewell("terminating on signal \(signal.rawValue)")
        try? Signal.terminate.ignore()
        do throws(SystemError) {
            try sendSignal(.terminate, to: options.isInit ? -1 : -processID())
        } catch {
            // Attached to a terminal, master may not lead a group of its own; its children are known one by one.
            // In a container there may be nobody else.
            if options.isInit, error.code != .noSuchProcess { log.fatal("master_sigdeath: kill process group", error) }
            policy.forEachChild { send(.terminate, to: $0.pid) }
        }
        removeTraces()
        attendToLog()
        // The process that takes our log lines has just been told to end.
        if case .postlog(_, let file?) = log.destination { log.redirect(to: .file(file)) }
        log.info("terminating on signal \(signal.rawValue)")
        log.finish()
        if options.isInit { exitAtOnce(ExitCode.success) }
        try? signal.restoreDefault()
        try? unblockAllSignals()
        try? sendSignal(signal, to: processID())
        exitAtOnce(ExitCode.failure)
    }

    /// All processes have left, as was asked; only those that write the log may be there, and see the end of their
    /// status channel.
    func endAfterStop() -> Never {
        sayFarewell("stopped, as was asked")
        removeTraces()
        attendToLog()
        log.info("stopped, as was asked")
        if case .postlog(_, let file?) = log.destination { log.redirect(to: .file(file)) }
        log.finish()
        exitProcess(ExitCode.success)
    }

    /// `-e`.
    func endInTime() -> Never {
        sayFarewell("exit time has arrived")
        removeTraces()
        log.info("master exit time has arrived")
        log.finish()
        exitProcess(ExitCode.success)
    }

    /// Files that mean something only while master runs, and sockets that others have, too.
    func removeTraces() {
        closeControl()
        for service in services { service?.leaveEndpoints(owner, log) }
    }
}
