//===----------------------------------------------------------------------===//
// Quartermaster: `-t`: is a master running here?
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import SystemCalls

/// Answers from the lock file alone. Scripts take status 1 for "is running", so no mistake in the configuration
/// leads to it: only a lock that is held or cannot be tried, and a main.cf that does not say where
/// the lock file is.
enum TestMode {
    /// - Returns: the exit status.
    static func run(configDirectory: String, processName: String, _ log: Log) -> Int32 {
        var loaded = loadMainConfig(directory: configDirectory, processName: processName)
        if loaded.bytes.isEmpty, let problem = loaded.problems.firstFatal { log.fatal(problem.logged) }
        let (settings, problems) = evaluateSettings(&loaded.dictionary, host: loaded.host)
        let queueDirectory = settings.queueDirectory
        if queueDirectory.isEmpty, let problem = problems.firstFatal { log.fatal(problem.logged) }
        do throws(SystemError) {
            try changeDirectory(queueDirectory)
        } catch {
            if error.code == .noSuchFileOrDirectory { return ExitCode.success }
            log.fatal("chdir \(queueDirectory)", error)
        }
        return PidLock.isHeld("pid/\(processName).pid") ? ExitCode.failure : ExitCode.success
    }
}
