//===----------------------------------------------------------------------===//
// Quartermaster: what a start would stumble over beyond the two files
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import MasterProtocol
import SystemCalls

/// For `--check` only: a start and a reload find these out by doing what is only looked at here, and say the same.
extension ModelBuilder {
    /// - Parameter owner: the account of mail_owner; nil when there is none.
    mutating func checkDirectories(_ settings: MainSettings, _ owner: UserAccount?) {
        let cures = DirectoryCures(settings)
        let daemons =
            settings.daemonDirectory.hasPrefix("/")
            ? settings.daemonDirectory : "\(settings.queueDirectory)/\(settings.daemonDirectory)"
        for (parameter, directory) in [
            ("queue_directory", settings.queueDirectory), ("daemon_directory", daemons),
            ("data_directory", settings.dataDirectory),
        ] where !isDirectory(directory) {
            let text = "parameter \(parameter): no such directory: \(directory)"
            refuse(text, settings, cure: cures.create(directory, correct: parameter))
        }
        for name in ["pid", "private", "public"] {
            let path = "\(settings.queueDirectory)/\(name)"
            if !isDirectory(path) { refuse("no such directory: \(path)", settings, cure: cures.create(path)) }
        }
        guard let owner else { return }
        for path in [
            settings.dataDirectory, "\(settings.queueDirectory)/private", "\(settings.queueDirectory)/public",
        ] where isDirectory(path) && !mayWrite(path, owner) {
            let text = "mail_owner \(settings.mailOwner) may not make files in \(path)"
            refuse(text, settings, cure: cures.own(path))
        }
    }

    /// What master takes from main.cf one by one when it starts.
    mutating func checkSettings(_ settings: MainSettings) {
        do throws(ConfigProblem) {
            _ = try logDestination(settings, writesDirectly: true)
        } catch {
            addOnce(error)
        }
        var problems: [ConfigProblem] = []
        _ = ImportEnvironment.parse(settings.importEnvironment, problems: &problems)
        problems.forEach { addOnce($0) }
    }

    /// Lock files that others made into something that master would not open.
    mutating func checkLocks(_ settings: MainSettings, processName: String) {
        for path in ["pid/\(processName).pid", "\(settings.dataDirectory)/\(processName).lock"] {
            guard (try? facts(ofPath: path, followingLinks: false)) != nil else { continue }
            do throws(CarefulOpenError) {
                _ = try openCarefully(path, .readWrite, mode: 0)
            } catch {
                let text = "open lock file \(path): \(error.reason)"
                refuse(text, settings, cure: "Remove \(path): master makes it when it starts.")
            }
        }
    }

    mutating func check(_ plan: ServicePlan, _ settings: MainSettings, _ owner: UserAccount?) {
        switch plan.endpoint {
        case .inet(let addresses):
            do throws(EndpointFailure) {
                try Endpoint.probe(addresses)
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

    private func isDirectory(_ path: String) -> Bool { (try? facts(ofPath: path))?.kind == .directory }

    private func mayWrite(_ path: String, _ owner: UserAccount) -> Bool {
        guard let found = try? facts(ofPath: path) else { return false }
        let needed: UInt32 = 0o3
        let shift: UInt32 = found.owner == owner.uid ? 6 : found.group == owner.gid ? 3 : 0
        return found.mode >> shift & needed == needed
    }

    private mutating func refuse(_ text: String, _ settings: MainSettings, cure: String) {
        add(.fatal(text, file: settings.mainPath, cure: cure))
    }

    /// Some of what is checked here may have been found before.
    private mutating func addOnce(_ problem: ConfigProblem) {
        if !problems.contains(where: { $0.text == problem.text }) { add(problem) }
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
