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
    /// Longest life of a master whose test has died.
    static let lifetime = "170"

    let directory: String
    private let home: TemporaryDirectory
    private var masters: [RunningProcess] = []
    /// Parameters beyond the basic ones.
    private var parameters: [String: String] = [:]
    private(set) var services: [String] = []

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
        for _ in 0..<50 {
            let left = ProcessTable.running(programsIn: daemonDirectory)
            if left.isEmpty { break }
            for process in left { kill(process.pid, SIGKILL) }
            rest(.milliseconds(20))
        }
        home.remove()
    }

    // MARK: configuration

    func install(_ path: String, as name: String) throws {
        let target = daemonDirectory + "/" + name
        try? FileManager.default.removeItem(atPath: target)
        try FileManager.default.copyItem(atPath: path, toPath: target)
        chmod(target, 0o755)
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
        try write(services.joined(separator: "\n") + "\n", to: masterCf)
    }

    /// Writes a file that looks old: one that was edited this second makes every reader wait until it has settled.
    func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let hourAgo = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: hourAgo], ofItemAtPath: path)
        chmod(path, 0o644)
    }

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
        let started = eventually(within: .seconds(20)) {
            count("daemon started -- version ") > before || !process.isRunning
        }
        guard started, process.isRunning || options.contains("-w") else {
            throw TestSupportError("master did not start: \(process.output)\n\(log)")
        }
        return process
    }

    /// Runs master to its end, for starts that fail and for `-t`, `--check` and the like.
    func runMaster(_ options: String..., timeout: Duration = .seconds(20)) throws -> ProcessResult {
        try launch(options).finish(timeout: timeout)
    }

    /// The pid in the lock file.
    var recordedPID: Int32? {
        guard let text = try? String(contentsOfFile: pidFile, encoding: .utf8) else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Asks for a reload and waits for its outcome: whether it was accepted.
    @discardableResult
    func reload() throws -> Bool {
        guard let pid = recordedPID else { throw TestSupportError("no master to reload") }
        let before = (begun: count(" reload -- version "), refused: count(" reload refused: "))
        kill(pid, SIGHUP)
        let begun = eventually(within: .seconds(20)) { count(" reload -- version ") > before.begun }
        guard begun else { throw TestSupportError("no reload:\n\(log)") }
        // Refusals are logged in the same turn of the loop; a reload that works has no closing line.
        return !eventually(within: .milliseconds(300)) { count(" reload refused: ") > before.refused }
    }

    // MARK: what there is to see

    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    var logLines: [String] { log.split(separator: "\n").map(String.init) }

    func count(_ text: String) -> Int { logLines.count { $0.contains(text) } }

    func wait(for text: String, count wanted: Int = 1, within limit: Duration = .seconds(15)) -> Bool {
        eventually(within: limit) { count(text) >= wanted }
    }

    /// Living processes of one program of this system.
    func processes(_ name: String = "test-child") -> [ProcessSnapshot] {
        ProcessTable.running(programsIn: daemonDirectory).filter { $0.name == name }
    }

    /// Living processes that have this word among their arguments.
    func children(with word: String) -> [Int32] {
        ProcessTable.running(programsIn: daemonDirectory).filter { $0.arguments.contains(word) }.map(\.pid)
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
