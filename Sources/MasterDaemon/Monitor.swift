//===----------------------------------------------------------------------===//
// Quartermaster: `-w`: the foreground process that waits for the daemon to be ready
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// Splits the process in two: the one that goes on as master, and the monitor that tells the start script how it went.
enum Monitor {
    /// How long the daemon has to say that it is ready.
    private static let waitSeconds: Int32 = 100

    /// Returns in the future daemon, with the descriptor to write one byte to when it is ready. The monitor never
    /// returns: it exits 0 when the byte came.
    static func split(_ log: Log) -> Descriptor {
        do throws(SystemError) {
            let ends = try makePipe(nonBlocking: false)
            let child = try forkProcess()
            if child == 0 { return ends.keepingSecond() }
            watch(child, ready: ends.keepingFirst(), log)
        } catch {
            log.fatal("\(error.call.rawValue): \(error.reason)")
        }
    }

    private static func watch(_ child: Int32, ready: consuming Descriptor, _ log: Log) -> Never {
        do throws(SystemError) {
            let limit = waitSeconds * 1000
            guard try ready.number.waitForInput(milliseconds: limit) else { giveUp(child, "Connection timed out", log) }
            if let bytes = try ready.number.read(atMost: 1), !bytes.isEmpty { exitAtOnce(ExitCode.success) }
        } catch {
            giveUp(child, error.reason, log)
        }
        log.fatal("daemon initialization failure -- see logs for details")
    }

    private static func giveUp(_ child: Int32, _ reason: String, _ log: Log) -> Never {
        log.warning("\(reason) while waiting for daemon initialization")
        try? sendSignal(.kill, to: child)
        log.fatal("daemon initialization failure -- see logs for details")
    }
}
