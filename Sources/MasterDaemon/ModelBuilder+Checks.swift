//===----------------------------------------------------------------------===//
// Quartermaster: what the settings need of this machine
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

// For a start, a reload and --check alike. The values are those that main.cf has: after a reload, processes that start
// use them, also where master itself goes on with those of its start.
extension ModelBuilder {
    /// - Parameter owner: the account of mail_owner; nil when there is none.
    mutating func checkDirectories(_ settings: MainSettings, _ owner: UserAccount?) {
        let cures = DirectoryCures(settings)
        for (parameter, written) in [
            ("queue_directory", settings.queueDirectory), ("daemon_directory", settings.daemonDirectory),
            ("data_directory", settings.dataDirectory),
        ] where !written.isEmpty {
            let directory = parameter == "queue_directory" ? written : inQueue(written, settings)
            if isDirectory(directory) { continue }
            let text = "parameter \(parameter): no such directory: \(directory)"
            refuse(text, parameter, cure: cures.create(directory, correct: parameter))
        }
        let locks = "\(settings.queueDirectory)/pid"
        if isDirectory(settings.queueDirectory) && !isDirectory(locks) {
            refuse("no such directory: \(locks)", "queue_directory", cure: cures.create(locks))
        }
        let data = inQueue(settings.dataDirectory, settings)
        let lock = "\(data)/\(processName).lock"
        if isDirectory(data), (try? facts(ofPath: lock)) == nil {
            checkWriting(data, "data_directory", settings, owner)
        }
    }

    /// The directories of UNIX-domain sockets and FIFOs, as far as there is a service that has one.
    mutating func checkEndpointDirectories(_ plans: [ServicePlan], _ kept: MainSettings, _ owner: UserAccount?) {
        let paths = plans.compactMap(\.endpoint.path)
        for name in ["private", "public"] where paths.contains(where: { $0.hasPrefix(name + "/") }) {
            let path = "\(kept.queueDirectory)/\(name)"
            if isDirectory(path) {
                checkWriting(path, "queue_directory", kept, owner)
            } else {
                refuse("no such directory: \(path)", "queue_directory", cure: DirectoryCures(kept).create(path))
            }
        }
    }

    private mutating func checkWriting(
        _ path: String,
        _ parameter: String,
        _ settings: MainSettings,
        _ owner: UserAccount?
    ) {
        guard let owner, !mayWrite(path, owner) else { return }
        let text = "mail_owner \(settings.mailOwner) may not make files in \(path)"
        refuse(text, parameter, cure: DirectoryCures(settings).own(path))
    }

    /// `import_environment` counts at a start only, and a start would end with a mistake in it.
    mutating func checkEnvironment(_ settings: MainSettings) {
        var found: [ConfigProblem] = []
        _ = ImportEnvironment.parse(settings.importEnvironment, problems: &found)
        found.forEach { add($0.placed(at: dictionary.place(of: "import_environment"))) }
    }

    /// Without a service that writes the log file, master has to be able to write it. Makes no file: whether one can be
    /// made is found out by who does.
    mutating func checkLogWriter(_ plans: [ServicePlan], _ settings: MainSettings) {
        guard settings.usesPostlog else { return }
        let place = dictionary.place(of: "maillog_file")
        let path = settings.maillogFile
        if plans.contains(where: { $0.endpoint.path == settings.postlogEndpoint }) {
            // Who writes it will have the same standard output, and nobody to say so to.
            guard let refusal = refusal(ofLogFile: path), let cure = LogFile.cure(for: path, refusal) else { return }
            return add(.warning("open \(path): \(refusal.reason) -- there will be no log", at: place, cure: cure))
        }
        if case .check = purpose { adviseLogWriter(settings) }
        if (try? facts(ofPath: path)) == nil {
            if isDirectory(parentDirectory(of: path)) { return }
            return add(settings.logFileProblem("No such file or directory", at: place))
        }
        if let refusal = refusal(ofLogFile: path) {
            add(settings.logFileProblem(refusal.reason, at: place, cure: LogFile.cure(for: path, refusal)))
        }
    }

    /// master writes the file itself then, but nobody takes what its processes log. Postfix's start script refuses
    /// this.
    private mutating func adviseLogWriter(_ settings: MainSettings) {
        let name = settings.postlogServiceName
        add(
            .warning(
                "no service \(name) of type unix-dgram writes maillog_file: what processes log is lost",
                at: dictionary.place(of: "maillog_file"),
                cure: "Add to \(settings.masterPath): \(name) unix-dgram n - n - 1 postlogd"
            )
        )
    }

    private func refusal(ofLogFile path: String) -> CarefulOpenError? {
        guard (try? facts(ofPath: path)) != nil else { return nil }
        do throws(CarefulOpenError) {
            _ = try openLogFile(path, mode: 0, waits: false)
            return nil
        } catch {
            // A pipe without a reader, or standard output that is a socket: lines get there another way, or nowhere.
            if case .cannot(_, let failure) = error, failure.code == .noSuchAddressOrDevice { return nil }
            return error
        }
    }

    private mutating func refuse(_ text: String, _ parameter: String, cure: String) {
        add(.fatal(text, at: dictionary.place(of: parameter), cure: cure))
    }

    func isDirectory(_ path: String) -> Bool { (try? facts(ofPath: path))?.kind == .directory }

    /// A path as master and its processes mean it, which work in the queue directory.
    func inQueue(_ path: String, _ settings: MainSettings) -> String {
        path.hasPrefix("/") ? path : "\(settings.queueDirectory)/\(path)"
    }

    /// Access lists may allow what the permissions do not: only the kernel knows. But it has to be asked as that user,
    /// so it is asked only in doubt.
    private func mayWrite(_ path: String, _ owner: UserAccount) -> Bool {
        guard let found = try? facts(ofPath: path) else { return false }
        let needed: UInt32 = 0o3
        let shift: UInt32 = found.owner == owner.uid ? 6 : found.group == owner.gid ? 3 : 0
        if found.mode >> shift & needed == needed { return true }
        return MailOwner(owner).perform(log) { mayMakeFiles(in: path) }
    }
}

// For --check alone: a start and a reload find these out by doing what is only looked at here, and say the same.
extension ModelBuilder {
    /// Lock files that others made into something that master would not open.
    mutating func checkLocks(_ settings: MainSettings) {
        for (path, parameter) in [
            ("pid/\(processName).pid", "queue_directory"),
            ("\(settings.dataDirectory)/\(processName).lock", "data_directory"),
        ] {
            guard (try? facts(ofPath: path, followingLinks: false)) != nil else { continue }
            do throws(CarefulOpenError) {
                _ = try openCarefully(path, .readWrite, mode: 0)
            } catch {
                let text = "open lock file \(path): \(error.reason)"
                refuse(text, parameter, cure: "Remove \(path): master makes it when it starts.")
            }
        }
    }

    mutating func check(_ plan: ServicePlan, _ settings: MainSettings) {
        switch plan.endpoint {
        case .inet, .udp:
            do throws(EndpointFailure) {
                try Endpoint.probe(plan.endpoint)
            } catch {
                add(plan.problem(error, settings))
            }
        case .path(let path, let type):
            if let text = obstacle(at: path, type) { add(plan.problem(EndpointFailure(text: text), settings)) }
        }
    }

    /// Why no endpoint can be made at a path, in the words that making it would give.
    private func obstacle(at path: String, _ type: Transport) -> String? {
        let prefix = type == .fifo ? "fifo_listen: " : type == .unixDatagram ? "unix_dgram_listen: " : ""
        if type != .fifo, SocketAddress(unixPath: path) == nil { return "\(prefix)unix-domain name too long: \(path)" }
        if let found = try? facts(ofPath: path, followingLinks: false), found.kind == .directory {
            return "\(prefix)remove \(path): Is a directory"
        }
        let directory = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "."
        // The two that every queue directory has were looked at before.
        if ["private", "public"].contains(directory) || isDirectory(directory) { return nil }
        return (type == .fifo ? "fifo_listen: create fifo \(path)" : "bind: \(path)") + ": No such file or directory"
    }
}

extension MainSettings {
    /// The log file cannot be written, and no service writes it.
    func logFileProblem(_ reason: String, at place: ConfigProblem.Place?, cure: String? = nil) -> ConfigProblem {
        .fatal(
            "open \(maillogFile): \(reason)",
            at: place,
            cure: cure ?? "Correct maillog_file, or add a \(postlogServiceName) service to \(masterPath)."
        )
    }
}

/// Commands that put a directory right: Postfix's own only where there is a Postfix.
struct DirectoryCures {
    private let owner: String
    private let hasPostfix: Bool

    init(_ settings: MainSettings) {
        owner = settings.mailOwner
        hasPostfix = isForPostfix(settings)
    }

    func create(_ path: String, correct parameter: String? = nil) -> String {
        let otherwise = parameter.map { ", or correct \($0)" } ?? ""
        return hasPostfix
            ? "Create it (\"postfix check\" does, or \"postfix set-permissions\")\(otherwise)."
            : "Create it: mkdir -p \(path)\(otherwise)."
    }

    func own(_ path: String) -> String {
        hasPostfix
            ? "Give it to \(owner): \"postfix set-permissions\" does." : "Give it to \(owner): chown \(owner) \(path)"
    }
}
