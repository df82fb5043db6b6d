//===----------------------------------------------------------------------===//
// Quartermaster: how a service writes to the log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import Diagnostics
import SystemCalls

/// The log of this process. Lines look as every reader of a Postfix log expects; text is cut at 2000 bytes;
/// control characters, and bytes that are no UTF-8, become `?`. Copies write to the same log.
public struct ServiceLog {
    package let log: Log

    init(_ log: Log) { self.log = log }

    /// Goes on as before.
    public func info(_ text: String) { log.info(text) }

    /// Something is odd; goes on.
    public func warning(_ text: String) { log.warning(text) }

    /// Something is wrong; goes on, but the 13th error of a process is fatal.
    public func error(_ text: String) { log.error(text) }

    /// The same, but never fatal: for what a library calls an error, which knows nothing of that limit.
    package func toleratedError(_ text: String) { log.error(text, counts: false) }

    /// The process cannot work: logs, waits a second so that a restart loop stays slow, and exits with status 1.
    public func fatal(_ text: String) -> Never { log.fatal(text) }

    /// The program's own data is wrong: logs, waits a second, and aborts.
    public func panic(_ text: String) -> Never { log.panic(text) }

    /// Messages of this process go straight to `file` from now on, dated like those that come through postlogd(8). Keep
    /// the file open for as long as the process lives.
    package func write(to file: ServiceFile) { log.redirect(to: .openFile(file.descriptor.number)) }

    /// Info from verbosity `level` (`-v`, counted) on; the text is made only then.
    public func verbose(_ level: Int = 1, _ text: @autoclosure () -> String) { log.verbose(level, text()) }
}
