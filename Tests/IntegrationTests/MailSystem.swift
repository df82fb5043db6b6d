//===----------------------------------------------------------------------===//
// Quartermaster: a whole mail system of a test's own, with our master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// Directories, configuration and log for one real `master` process, run by root or by an ordinary user alike.
///
/// Knows how to start, signal and end it, and to read what it wrote. Whatever happens to the test, every process ends:
/// with this object, or at the latest when master's time (`-e`) is over.
final class MailSystem {
    /// Longest life of a master whose test has died, in seconds.
    static let lifetime = "900"

    let directory: String
    private let home: TemporaryDirectory
    private var masters: [RunningProcess] = []
    /// Parameters beyond the basic ones.
    private var parameters: [String: String] = [:]
    private(set) var services: [String] = []
    /// How often `settle` has waited for master.
    private var turns = 0

    var configDirectory: String { directory + "/etc" }
    var queueDirectory: String { directory + "/queue" }
    var dataDirectory: String { directory + "/data" }
    var daemonDirectory: String { directory + "/sbin" }
    var logFile: String { directory + "/log/mail.log" }
    var mainCf: String { configDirectory + "/main.cf" }
    var masterCf: String { configDirectory + "/master.cf" }
    var pidFile: String { queueDirectory + "/pid/master.pid" }

    /// Who runs the mail system: for root an unprivileged account that every Debian has, else the user of the test.
    static var owner: String { geteuid() == 0 ? "mail" : NSUserName() }

    /// - Parameter programs: built products to install beside master and the test child.
    init(_ services: [String], main: [String: String] = [:], programs: [String] = [], owner: String = owner) throws {
        home = try TemporaryDirectory("qm-integration")
        directory = home.path
        let files = FileManager.default
        for path in ["etc", "queue", "queue/pid", "queue/private", "queue/public", "data", "sbin", "log"] {
            try files.createDirectory(atPath: "\(directory)/\(path)", withIntermediateDirectories: false)
        }
        for path in ["queue/private", "queue/public", "data"] where geteuid() == 0 {
            try files.setAttributes([.ownerAccountName: owner], ofItemAtPath: "\(directory)/\(path)")
        }
        for name in ["master", "test-child"] + programs { try install(BuiltProducts.path(name), as: name) }
        try PlacedFile.script(Turnstile.program, at: daemonDirectory + "/turnstile")
        parameters = [
            "compatibility_level": "3.6", "queue_directory": queueDirectory, "data_directory": dataDirectory,
            "daemon_directory": daemonDirectory, "mail_owner": owner, "default_privs": "nobody",
            "setgid_group": "news", "maillog_file": logFile, "maillog_file_prefixes": directory,
            "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "myhostname": "test.example",
            "service_throttle_time": "2s",
        ].merging(main) { $1 }
        self.services = services
        try writeConfiguration()
    }

    deinit { end() }

    /// Ends every process of this system and removes its files.
    func end() {
        for master in masters { master.end() }
        _ = eventually {
            let left = ProcessTable.running(programsIn: daemonDirectory)
            for process in left { kill(process.pid, SIGKILL) }
            return left.isEmpty
        }
        home.remove()
    }

    // MARK: configuration

    func install(_ path: String, as name: String) throws {
        try PlacedFile.program(path, at: daemonDirectory + "/" + name)
    }

    func setMain(_ changes: [String: String]) throws {
        parameters.merge(changes) { $1 }
        try writeConfiguration()
    }

    func setServices(_ lines: [String]) throws {
        services = lines
        try writeConfiguration()
    }

    func writeConfiguration() throws {
        let main = parameters.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }.joined()
        try write(main, to: mainCf)
        try write((services + [Turnstile.line]).joined(separator: "\n") + "\n", to: masterCf)
    }

    /// Writes a configuration file that no reader finds half done, or has to wait for.
    func write(_ text: String, to path: String) throws { try PlacedFile.configuration(text, at: path) }

    // MARK: master

    /// Runs master and leaves it running, in a session of its own as a start script would.
    func launch(_ options: [String] = ["-d"], prefix: [String] = []) throws -> RunningProcess {
        let argv = prefix + [daemonDirectory + "/master", "-c", configDirectory, "-e", Self.lifetime] + options
        let environment = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"]
        let process = try RunningProcess(argv, environment: environment, grouping: .ownSession)
        masters.append(process)
        return process
    }

    /// Starts master and waits until it serves.
    @discardableResult
    func start(_ options: [String] = ["-d"], prefix: [String] = []) throws -> RunningProcess {
        let before = count("daemon started -- version ")
        let process = try launch(options, prefix: prefix)
        let started = eventually {
            count("daemon started -- version ") > before || !process.isRunning
        }
        guard started, process.isRunning || options.contains("-w") else {
            throw TestSupportError("master did not start: \(process.output)\n\(log)")
        }
        return process
    }

    /// Runs master to its end, for starts that fail and for `-t`, `--check` and the like.
    func runMaster(_ options: String...) throws -> ProcessResult { try launch(options).finish() }

    /// The pid in the lock file.
    var recordedPID: Int32? {
        guard let text = try? String(contentsOfFile: pidFile, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Asks for a reload and waits for its outcome: whether it was accepted.
    @discardableResult
    func reload() throws -> Bool {
        guard let pid = recordedPID else { throw TestSupportError("no master to reload") }
        let before = (accepted: count(" reload accepted: "), refused: count(" reload refused: "))
        kill(pid, SIGHUP)
        let isDone = eventually(every: .milliseconds(5)) {
            count(" reload accepted: ") > before.accepted || count(" reload refused: ") > before.refused
        }
        guard isDone else { throw TestSupportError("no reload:\n\(log)") }
        try settle()
        return count(" reload refused: ") == before.refused
    }

    /// Waits until master has dealt with everything that was there for it to see before this call.
    func settle() throws {
        // One turn of the loop may deal with our word first and with the rest afterwards; the next one comes later.
        for _ in 0..<2 {
            turns += 1
            let word = "turn-\(turns)"
            try Turnstile.push(word, below: queueDirectory)
            guard eventually(every: .milliseconds(2), { Turnstile.hasPassed(word, below: queueDirectory) }) else {
                throw TestSupportError("master's loop does not turn:\n\(log)")
            }
        }
    }

    // MARK: what there is to see

    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    /// The lines that are complete: the last one may just be on its way into the file.
    var logLines: [String] { completeLines(log) }

    func count(_ text: String) -> Int { lineCount(of: text, inFile: logFile) }

    /// Warnings, but for one: that clients have been waiting at a full service for two seconds may be the machine's
    /// doing, which has something else to do.
    var complaints: [String] {
        logLines.filter { $0.contains("warning") && !$0.contains(" has reached its process limit ") }
    }

    func wait(for text: String, count wanted: Int = 1) -> Bool {
        eventually(every: .milliseconds(5)) { count(text) >= wanted }
    }

    /// Living processes of one program of this system.
    func processes(_ name: String = "test-child") -> [ProcessSnapshot] {
        ProcessTable.running(programsIn: daemonDirectory).filter { $0.name == name }
    }

    /// Test children that have a client: a descriptor behind those that master gives them, of which the socket they
    /// listen on is the last.
    func servingChildren() -> [Int32] {
        processes().map(\.pid).filter { pid in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/7")) != nil
        }
    }
}

/// Text of master.cf lines with the test child.
enum Line {
    /// A loopback service.
    static func inet(_ port: UInt16, _ mode: String, maxproc: Int = 5) -> String {
        "127.0.0.1:\(port) inet n - n - \(maxproc) test-child mode=\(mode)"
    }

    /// A public UNIX-domain service.
    static func unix(_ name: String, _ mode: String, maxproc: Int = 5) -> String {
        "\(name) unix n - n - \(maxproc) test-child mode=\(mode)"
    }
}
