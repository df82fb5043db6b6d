//===----------------------------------------------------------------------===//
// Quartermaster: a private Postfix for a test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// The programs that take the place of Debian's in a sandbox; nothing means Debian's own.
package struct SandboxPrograms: Sendable {
    package var master: String?
    package var anvil: String?
    package var postlogd: String?

    package init(master: String? = nil, anvil: String? = nil, postlogd: String? = nil) {
        self.master = master
        self.anvil = anvil
        self.postlogd = postlogd
    }
}

/// A whole Postfix with directories, ports and log of its own, driven by Debian's own `postfix` command.
///
/// Creates and removes it, runs commands, and reads its log. It never touches the system's Postfix. Whatever
/// happens to the test, all its processes end: with `destroy()`, or, when the test program dies, through a
/// warden that sees the end of a pipe.
package final class PostfixSandbox {
    package let directory: String
    package let smtpPort: UInt16
    package let sinkPort: UInt16
    private let home: TemporaryDirectory
    private var warden: RunningProcess?
    /// `postfix start-fg` and other commands that stay.
    private var foreground: [RunningProcess] = []

    package var configDirectory: String { directory + "/etc" }
    package var queueDirectory: String { directory + "/queue" }
    package var dataDirectory: String { directory + "/data" }
    package var daemonDirectory: String { directory + "/sbin" }
    package var sinkDirectory: String { directory + "/sink" }
    package var logFile: String { directory + "/log/mail.log" }
    package var mainCf: String { configDirectory + "/main.cf" }
    package var masterCf: String { configDirectory + "/master.cf" }

    /// Builds the instance; nothing runs yet.
    package static func create(_ programs: SandboxPrograms = SandboxPrograms()) throws -> PostfixSandbox {
        try PostfixSandbox(programs)
    }

    private init(_ programs: SandboxPrograms) throws {
        home = try TemporaryDirectory("qm-postfix")
        directory = home.path
        let ports = try FreePort.several(2)
        smtpPort = ports[0]
        sinkPort = ports[1]
        var argv = ["/bin/sh", Self.script("make-postfix-sandbox"), "--dir", directory]
        argv += ["--smtp-port", String(smtpPort), "--sink-port", String(sinkPort)]
        let replacements = [
            ("--master", programs.master), ("--anvil", programs.anvil), ("--postlogd", programs.postlogd),
        ]
        for (option, path) in replacements {
            if let path { argv += [option, path] }
        }
        let result = try run(argv)
        guard result.succeeded else { throw TestSupportError("no sandbox: \(result)") }
        for file in [mainCf, masterCf] { try PlacedFile.age(file) }
        let end = ["/bin/sh", Self.script("end-postfix-sandbox"), directory, "--when-orphaned"]
        warden = try RunningProcess(end, grouping: .ownSession, keepsInputOpen: true)
    }

    deinit { destroy() }

    /// Ends every process and removes every file. The answer is what had to be ended, for a test of tidiness.
    @discardableResult
    package func destroy() -> [ProcessSnapshot] {
        guard let warden else { return [] }
        let left = processes
        _ = try? run(["/bin/sh", Self.script("end-postfix-sandbox"), directory])
        foreground.forEach { $0.end() }
        foreground = []
        warden.closeInput()
        _ = warden.finish()
        self.warden = nil
        home.remove()
        return left
    }

    /// Where the shell half of the sandbox lies: beside this file.
    private static func script(_ name: String) -> String {
        (#filePath as NSString).deletingLastPathComponent + "/sandbox/" + name
    }

    // MARK: - Commands

    /// Runs `postfix <command>` on this instance, as an administrator would.
    @discardableResult
    package func command(_ command: String...) throws -> ProcessResult {
        try run(["/usr/sbin/postfix", "-c", configDirectory] + command)
    }

    /// Starts `postfix <command>` and leaves it running, ended at the latest with the sandbox.
    package func background(_ command: String...) throws -> RunningProcess {
        let process = try RunningProcess(["/usr/sbin/postfix", "-c", configDirectory] + command)
        foreground.append(process)
        return process
    }

    /// Starts master itself with the given options, in a session of its own, ended at the latest with the sandbox.
    package func backgroundMaster(_ options: String...) throws -> RunningProcess {
        var environment = ProcessInfo.processInfo.environment
        environment["MAIL_CONFIG"] = configDirectory
        environment["POSTLOG_SERVICE"] = queueDirectory + "/public/postlog"
        let argv = [daemonDirectory + "/master"] + options
        let process = try RunningProcess(argv, environment: environment, grouping: .ownSession)
        foreground.append(process)
        return process
    }

    /// `postfix start`, and proof that master runs; throws with the log when it does not.
    package func start() throws {
        let result = try command("start")
        guard result.succeeded, isRunning else {
            throw TestSupportError("postfix start: \(result)\n\(logTail())")
        }
    }

    /// `postfix reload`, and the wait until master has done it.
    ///
    /// The line in the log comes before the deed. Master then takes one service after the other, in the order of
    /// master.cf; that of the log is the last one in a sandbox, and its process leaves as its turn comes. Services that
    /// a test has added behind it come a moment later, and so do the ends of processes.
    package func reload() throws {
        let before = occurrences(of: " reload -- version ")
        let writers = processes(named: "postlogd").map(\.pid)
        let result = try command("reload")
        guard result.succeeded else { throw TestSupportError("postfix reload: \(result)\n\(logTail())") }
        guard wait(for: " reload -- version ", count: before + 1) else {
            throw TestSupportError("no sign of the reload in the log:\n\(logTail())")
        }
        let isDone = eventually { !processes(named: "postlogd").contains { writers.contains($0.pid) } }
        guard isDone else { throw TestSupportError("the reload retires no process:\n\(logTail())") }
    }

    /// `postfix stop`; master has given up its lock when it returns.
    package func stop() throws {
        let result = try command("stop")
        guard result.succeeded else { throw TestSupportError("postfix stop: \(result)\n\(logTail())") }
    }

    /// Runs another of Postfix's programs on this instance.
    @discardableResult
    package func tool(_ argv: [String]) throws -> ProcessResult {
        var environment = ProcessInfo.processInfo.environment
        environment["MAIL_CONFIG"] = configDirectory
        return try run(argv, environment: environment)
    }

    // MARK: - Processes

    /// The pid in the pid file, whether or not that process lives.
    package var recordedPID: Int32? {
        guard let text = readText(queueDirectory + "/pid/master.pid") else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// The pid of a living master of this instance.
    package var masterPID: Int32? {
        guard let pid = recordedPID, let process = ProcessSnapshot(pid) else { return nil }
        return process.program == daemonDirectory + "/master" && process.state != "Z" ? pid : nil
    }

    package var isRunning: Bool { masterPID != nil }

    /// Every living process that runs a program of this instance.
    package var processes: [ProcessSnapshot] { ProcessTable.running(programsIn: daemonDirectory) }

    /// Living processes of one daemon program.
    package func processes(named name: String) -> [ProcessSnapshot] { processes.filter { $0.name == name } }

    /// Living processes of one service, by the name master gave it with `-n`.
    package func processes(ofService service: String) -> [ProcessSnapshot] {
        processes.filter { process in
            zip(process.arguments, process.arguments.dropFirst()).contains { $0 == "-n" && $1 == service }
        }
    }
}
