//===----------------------------------------------------------------------===//
// Quartermaster: how the life of a child ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import SystemCalls

extension ChildLife {
    /// The process goes on for a while without being woken for anybody. There may still be a client that we were woken
    /// for before.
    ///
    /// - Parameter looks: whether that one is accepted, because it can be served to its end.
    mutating func finishSlowly(_ reason: Reason, looks: Bool) {
        listeners.unregister(&loop)
        if looks { listeners.areAllReady() }
        stage = .finishing(reason)
        status.becomeBusy()
        ignoreMaster()
    }

    /// Gives the endpoints up for good: a socket that is open here, and from which nobody accepts, would keep clients
    /// that could go elsewhere.
    mutating func abandonListeners() {
        do throws(SystemError) {
            try listeners.abandon(&loop)
        } catch {
            log.verbose(1, "close endpoints: \(error.reason)")
        }
    }

    /// The channel says nothing new any more, and would say so each turn.
    mutating func ignoreMaster() {
        if let watch = masterWatch.take() { loop.remove(watch) }
    }

    /// The service wants a fresh process to go on in place of this one. Clients that wait are left to that one.
    mutating func retire(_ why: String) {
        log.info(why)
        stage = .leaving(.retired)
    }

    /// The last act, before the process exits with status 0.
    mutating func finish() {
        _ = status.becomeIdle()
        guard case .leaving(let reason) = stage else { return log.finish() }
        switch reason {
        case .masterGone: log.verbose(1, "master disconnect -- exiting")
        case .idle: log.verbose(1, "idle timeout -- exiting")
        case .timeToRetire: log.verbose(1, "time to retire -- exiting")
        case .usedUp, .retired, .terminated, .abandoned: break
        }
        log.finish()
        if reason == .terminated, circumstances.conductor == nil {
            // The exit status is that of the signal.
            try? Signal.terminate.restoreDefault()
            try? sendSignal(.terminate, to: processID())
        }
    }
}

/// Ends the process as one that did its work.
@usableFromInline func endServer() -> Never { exitProcess(ExitCode.success) }
