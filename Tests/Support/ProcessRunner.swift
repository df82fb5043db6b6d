//===----------------------------------------------------------------------===//
// Quartermaster: programs that tests run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Foundation

/// What a program left behind: how it ended and everything it printed.
package struct ProcessResult: Sendable, CustomStringConvertible {
    /// The exit status, or 128 plus the signal number, as a shell would say it.
    package let status: Int32
    /// Standard output and standard error, in the order of writing.
    package let output: String
    /// Whether the time ran out and the program had to be killed.
    package let timedOut: Bool
    /// How long it ran.
    package let elapsed: Duration

    /// The same, but for lines that begin like this.
    package func without(linesWith beginning: String) -> ProcessResult {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { !$0.hasPrefix(beginning) }.joined(separator: "\n")
        return ProcessResult(status: status, output: kept, timedOut: timedOut, elapsed: elapsed)
    }

    package var succeeded: Bool { status == 0 && !timedOut }

    package var description: String {
        "status \(status)\(timedOut ? " (killed: out of time)" : "") after \(elapsed): \(output)"
    }
}

/// Where a started program stands among sessions and process groups.
package enum ProcessGrouping: Sendable {
    /// A process group of its own, so that it can be killed with all it started.
    case ownGroup
    /// A session of its own. `master` without `-d` insists on being able to make one, or on having one.
    case ownSession
}

/// Runs a program to its end and kills it, with its process group, when it takes too long.
///
/// The output goes through a file, not a pipe, so a daemon that inherits it cannot keep the caller waiting.
@discardableResult
package func run(
    _ argv: [String],
    environment: [String: String]? = nil,
    directory: String? = nil,
    timeout: Duration = patience,
    grouping: ProcessGrouping = .ownGroup
) throws -> ProcessResult {
    let process = try RunningProcess(argv, environment: environment, directory: directory, grouping: grouping)
    return process.finish(timeout: timeout)
}

/// A program that runs beside the test until it is asked to finish, or ended.
///
/// Ends and reaps the one process it started; processes of its group that outlive it are killed on a timeout only.
package final class RunningProcess {
    package let pid: Int32
    private let child: ReapedChild
    private let outputPath: String
    private let outputDescriptor: Int32
    private let started = ContinuousClock.now
    /// The writing end of the program's standard input, when it was asked for.
    private var inputDescriptor: Int32 = -1

    package init(
        _ argv: [String],
        environment: [String: String]? = nil,
        directory: String? = nil,
        grouping: ProcessGrouping = .ownGroup,
        keepsInputOpen: Bool = false
    ) throws {
        // It keeps its name: Postfix refuses to log to a /dev/stdout that is a file without one.
        outputPath = "/tmp/quartermaster-output.\(UUID().uuidString)"
        let output = open(outputPath, O_CREAT | O_EXCL | O_RDWR | O_APPEND | O_CLOEXEC, 0o600)
        outputDescriptor = output
        guard output >= 0 else { throw TestSupportError("cannot create \(outputPath): \(errnoText())") }
        var ends: [Int32] = [-1, -1]
        if keepsInputOpen {
            guard cspawn_pipe(&ends) == 0 else { throw TestSupportError("no pipe") }
        }
        let input = keepsInputOpen ? ends[0] : open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(input) }
        inputDescriptor = ends[1]
        pid = try spawn(
            argv,
            environment: environment ?? ProcessInfo.processInfo.environment,
            directory: directory,
            grouping: grouping,
            input: input,
            output: output
        )
        child = ReapedChild(pid)
    }

    deinit {
        end()
        close(outputDescriptor)
        unlink(outputPath)
    }

    /// Everything printed so far.
    package var output: String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = pread(outputDescriptor, &piece, piece.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece.prefix(count)
        }
    }

    /// Whether it has not ended yet.
    package var isRunning: Bool { child.status == nil }

    /// Waits for its end; kills its process group when the time is over.
    package func finish(timeout: Duration = patience) -> ProcessResult {
        let inTime = eventually(within: timeout, every: .milliseconds(2)) { !isRunning }
        if !inTime { kill(group: true) }
        return ProcessResult(
            status: child.status ?? -1,
            output: output,
            timedOut: !inTime,
            elapsed: ContinuousClock.now - started
        )
    }

    package func send(_ signal: Int32) { child.send(signal) }

    /// Ends it, politely at first.
    package func end() {
        closeInput()
        child.send(SIGTERM)
        if eventually(within: .seconds(20), every: .milliseconds(2), { !isRunning }) { return }
        kill(group: false)
    }

    /// Lets the program see the end of its standard input.
    package func closeInput() {
        if inputDescriptor >= 0 { close(inputDescriptor) }
        inputDescriptor = -1
    }

    private func kill(group: Bool) {
        child.send(SIGKILL, toGroup: group)
        _ = eventually(every: .milliseconds(2)) { !isRunning }
    }
}

/// Starts a program with input at 0, output at 1 and 2, and nothing else.
private func spawn(
    _ argv: [String],
    environment: [String: String],
    directory: String?,
    grouping: ProcessGrouping,
    input: Int32,
    output: Int32
) throws -> pid_t {
    let arguments = argv.map { strdup($0) } + [nil]
    let variables = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    let pid = cspawn_start(arguments, variables, directory, input, output, grouping == .ownSession ? 1 : 0)
    guard pid > 0 else { throw TestSupportError("cannot run \(argv[0]): \(String(cString: strerror(-pid)))") }
    return pid
}
