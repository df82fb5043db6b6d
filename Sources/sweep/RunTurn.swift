//===----------------------------------------------------------------------===//
// Quartermaster: one run of a command at a time, whoever started it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton
import SystemCalls

/// The right to run the command: a lock on a file that a run and what it has started keep open, so that the run of a
/// process that was killed counts as well.
struct RunTurn: Sendable {
    /// Open as long as the process lives; nil for a process that nobody else is to wait for.
    private let number: DescriptorNumber?

    /// While the working directory is the queue directory, and the process may make files there.
    init(_ context: ServiceContext) {
        if context.isOneShot {
            number = nil
            return
        }
        let path = "pid/run.\(context.serviceName)"
        do throws(CarefulOpenError) {
            number = try openCarefully(path, [.readWrite, .create], mode: 0o600).release()
        } catch {
            context.log.fatal("open lock file \(path): \(error.reason)")
        }
    }

    /// What a run is to keep open.
    var shared: [DescriptorNumber] { number.map { [$0] } ?? [] }

    private static let pauseMilliseconds = 100

    /// False: an earlier run has not come to its end in time.
    func begin(waitingAtMost seconds: Int, _ log: ServiceLog) -> Bool {
        guard let number else { return true }
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        for _ in 0...(seconds * 1000 / Self.pauseMilliseconds) {
            do throws(SystemError) {
                if try number.tryExclusiveLock() { return true }
            } catch {
                // A file system without locks: one process is all that there is to go by.
                log.warning("run lock: \(error.reason) -- running the command without it")
                return true
            }
            pause(milliseconds: UInt32(Self.pauseMilliseconds))
        }
        log.warning("an earlier run has not ended in \(seconds) seconds -- not running the command now")
        return false
    }

    /// The command has ended; what it may have left running is no reason to wait.
    func end() { try? number?.unlock() }
}
