//===----------------------------------------------------------------------===//
// Quartermaster: Diagnostics, what operators read and how a process ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// The log of one process: five severities, one destination, and the ends a process can come to.
///
/// - info, warning: the process goes on.
/// - error: it goes on, but the 13th is fatal: something is wrong that will not go away by itself.
/// - fatal: it cannot work; after a second, so that a restart loop stays slow, it exits with status 1.
/// - panic: our own data is wrong; after a second it aborts.
package final class Log {
    /// Errors after which a process gives up.
    private static let errorLimit = 13

    /// `<tag>/<program>`, for example `postfix/master`.
    package var ident: String
    /// 0 is silent; 1 shows state transitions, 2 parameters and watchdog, 3 the event loop.
    package var verbosity = 0
    /// Short name of this host, for destinations that carry one.
    package var host: String { didSet { host = LogLine.shortHost(host) } }
    /// Where fatal messages go in addition, while the person who started us may still be watching.
    package var witness: DescriptorNumber?
    /// Everything goes to this descriptor too, when set (`-V`).
    package var copyToStandardError = false
    /// Of a log file that this process has to create (`maillog_file_permissions`).
    package var filePermissions: UInt32 = 0o600 { didSet { sink.file?.permissions = filePermissions } }
    private var errorCount = 0
    private var lastWords: String?
    /// Whether a crash leaves a last line, too.
    private var tellsCrashes = false
    /// Whether what was written to standard error before a crash is told.
    private var tellsErrors = false
    private var refusalGate = MessageGate(intervalSeconds: 300)
    private var isLogging = false
    private var sink: LogSink

    /// - Parameter waits: whether a full log receiver may hold up this process. Never for master.
    package init(ident: String, host: String?, destination: LogDestination, waits: Bool) {
        self.ident = ident
        self.host = LogLine.shortHost(host)
        self.waits = waits
        sink = LogSink(destination, waits: waits, filePermissions: 0o600)
    }

    private let waits: Bool

    package var destination: LogDestination { sink.destination }

    /// Goes to another destination; what waits for the old one is sent there first, or to its file.
    package func redirect(to destination: LogDestination) {
        finish()
        let waiting = sink.takePending()
        let isSameShape = destination.hasPostlogShape && sink.destination.hasPostlogShape
        sink = LogSink(destination, waits: waits, filePermissions: filePermissions)
        if isSameShape { for line in waiting { sink.put(line) } }
        tellRefusal()
        refreshLastWords()
    }

    /// Why lines cannot be appended to the file of the destination; nil when they can, or when there is no file.
    /// Creates a file that is not there yet.
    package func fileProblem() -> String? { sink.file?.problem() }

    /// Lines wait for a receiver that was busy: call `flush` soon.
    package var hasPending: Bool { sink.hasPending }

    package func flush() {
        sink.flush()
        tellRefusal()
        guard !sink.hasPending else { return }
        let lost = sink.takeLost()
        if lost > 0 { warning("\(lost) log lines were lost: the log receiver did not take them") }
    }

    /// Nothing more is coming: what waits goes to the log file, or is tried a last time.
    package func finish() {
        sink.flushFinally()
        tellRefusal()
    }

    /// A line that another process has finished, in the shape that postlogd(8) takes.
    package func relay(_ line: String) { sink.put(LogLine.sanitised(line)) }

    package func info(_ text: String) { put(.info, text) }

    package func warning(_ text: String) { put(.warning, text) }

    /// - Parameter counts: whether the 13th of them ends the process.
    package func error(_ text: String, counts: Bool = true) {
        put(.error, text)
        if !counts { return }
        errorCount += 1
        if errorCount >= Self.errorLimit { fatal("too many errors - program terminated") }
    }

    /// Info from verbosity `level` on; the text is made only then.
    package func verbose(_ level: Int = 1, _ text: @autoclosure () -> String) {
        if verbosity >= level { put(.info, text()) }
    }

    package func fatal(_ text: String) -> Never {
        put(.fatal, text)
        finish()
        pause(milliseconds: 1000)
        exitAtOnce(ExitCode.failure)
    }

    package func fatal(_ text: String, _ error: SystemError) -> Never { fatal("\(text): \(error.reason)") }

    package func panic(_ text: String) -> Never {
        put(.panic, text)
        finish()
        pause(milliseconds: 1000)
        abortProcess()
    }

    /// The last line of a process whose event loop is stuck, kept ready for the watchdog: with the time of the last
    /// message, or of the last call of this.
    package func prepareLastWords(_ text: String) {
        lastWords = text
        refreshLastWords()
    }

    /// The last line of a process that crashes: "terminating on signal" and its number, as for a signal from outside.
    /// For processes that called `catchCrashes`.
    package func prepareCrashWords() {
        tellsCrashes = true
        refreshLastWords()
    }

    /// What this process has written to standard error last, where nobody looks at that, becomes a fatal message when
    /// it crashes. For processes that called `keepErrors`.
    package func prepareErrorWords() {
        tellsErrors = true
        refreshLastWords()
    }

    package func refreshLastWords() {
        guard lastWords != nil || tellsCrashes || tellsErrors else { return }
        let file = sink.descriptor == nil ? sink.file?.path : nil
        LastWords.setDestination(sink.descriptor ?? .standardError, file: file)
        if let lastWords { LastWords.setWatchdogLine(format(.fatal, lastWords)) }
        if tellsErrors { LastWords.setErrorPrefix(format(.fatal, "")) }
        if tellsCrashes { LastWords.setCrashLine(format(.info, "terminating on signal ")) }
    }

    private func put(_ severity: Severity, _ text: String) {
        // A sink that fails must not log about it.
        guard !isLogging else { return }
        isLogging = true
        defer { isLogging = false }
        sink.put(format(severity, text))
        tellRefusal()
        refreshLastWords()
        let shown = "\(ident): \(severity.prefix)\(LogLine.sanitised(text))"
        if copyToStandardError {
            LogFile.append(shown, to: .standardError)
        } else if severity == .fatal || severity == .panic, let witness {
            LogFile.append(shown, to: witness)
        }
    }

    /// A log file that refuses its lines says so elsewhere: in the system's log or, without one, on standard error.
    private func tellRefusal() {
        guard let refusal = sink.takeRefusal(), let path = sink.file?.path,
            refusalGate.pass(nowSeconds: Clock.monotonicNanoseconds() / 1_000_000_000) != nil
        else { return }
        let cure = LogFile.cure(for: path, refusal).map { " (\($0))" } ?? ""
        let text = "log file \(path): \(refusal.reason) -- lines are lost until this is put right\(cure)"
        let body = LogLine.body(ident: ident, pid: processID(), .warning, text)
        var system = LogReceiver(.syslog(facility: LogLine.mailFacility), waits: false)
        if system.send(LogLine.syslog(facility: LogLine.mailFacility, .warning, body)) == .taken { return }
        LogFile.append("\(ident): \(Severity.warning.prefix)\(LogLine.sanitised(text))", to: .standardError)
    }

    private func format(_ severity: Severity, _ text: String) -> String {
        let body = LogLine.body(ident: ident, pid: processID(), severity, text)
        switch sink.destination {
        case .syslog(let facility): return LogLine.syslog(facility: facility, severity, body)
        case .postlog, .file, .openFile: return LogLine.postlog(host: host, body)
        case .standardError: return "\(ident): \(severity.prefix)\(LogLine.sanitised(text))"
        }
    }
}
