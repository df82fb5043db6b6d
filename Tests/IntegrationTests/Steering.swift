//===----------------------------------------------------------------------===//
// Quartermaster: administrators of a test's mail system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

extension MailSystem {
    var controlSocket: String { queueDirectory + "/pid/master.control" }

    /// Runs masterctl to its end.
    func masterctl(_ words: String..., prefix: [String] = [], timeout: Duration = patience) throws -> ProcessResult {
        try masterctl(words, prefix: prefix, timeout: timeout)
    }

    func masterctl(_ words: [String], prefix: [String], timeout: Duration = patience) throws -> ProcessResult {
        try run(prefix + masterctlCommand(words), timeout: timeout).withoutPatience
    }

    /// Starts masterctl and leaves it to itself.
    func beginMasterctl(_ words: String...) throws -> RunningProcess { try RunningProcess(masterctlCommand(words)) }

    private func masterctlCommand(_ words: [String]) throws -> [String] {
        let program = daemonDirectory + "/masterctl"
        if access(program, X_OK) != 0 { try install(BuiltProducts.path("masterctl"), as: "masterctl") }
        return [program] + words.prefix(1) + ["-c", configDirectory] + words.dropFirst()
    }

    /// Has master stand still while a test brings about what it is to find, all at once.
    func whileMasterStands(_ deed: () throws -> Void) throws {
        guard let pid = recordedPID else { throw TestSupportError("no master") }
        kill(pid, SIGSTOP)
        defer { kill(pid, SIGCONT) }
        guard eventually({ ProcessSnapshot(pid)?.state == "T" }) else { throw TestSupportError("master goes on") }
        try deed()
    }

    /// One request as bytes, and everything that comes back.
    func control(_ request: String) -> String? { Caller.ask(.path(controlSocket), request) }
}

extension ProcessResult {
    /// What masterctl says after three seconds without an answer is true of a machine that has something else to do.
    var withoutPatience: ProcessResult { without(linesWith: "masterctl: master is still busy with ") }
}

/// A system with one service, on either kind of socket; an ordinary user's own, if wanted.
final class SteeredService {
    let system: MailSystem
    let place: Place
    let service: String
    let master: RunningProcess
    private let prefix: [String]

    init(
        _ kind: Place.Kind,
        mode: String = "serve",
        maxproc: Int = 5,
        main: [String: String] = [:],
        programs: [String] = [],
        isOrdinary: Bool = false
    ) throws {
        let owner = isOrdinary ? "nobody" : MailSystem.owner
        prefix = isOrdinary ? ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] : []
        let port = try FreePort.next()
        let line =
            kind == .tcp ? Line.inet(port, mode, maxproc: maxproc) : Line.unix("talk", mode, maxproc: maxproc)
        system = try MailSystem([line], main: main, programs: programs + ["masterctl"], owner: owner)
        place = kind == .tcp ? .port(port) : .path(system.queueDirectory + "/public/talk")
        service = kind == .tcp ? "127.0.0.1:\(port)" : "talk"
        if !prefix.isEmpty { try run(["/bin/chown", "-R", owner, system.directory]) }
        master = try system.start(prefix: prefix)
    }

    /// As the user who runs the master.
    func masterctl(_ words: String...) throws -> ProcessResult { try masterctl(words) }

    func masterctl(_ words: [String]) throws -> ProcessResult { try system.masterctl(words, prefix: prefix) }

    /// A client that has its process, and has not finished its line.
    func holdingClient() throws -> Caller {
        let before = system.servingChildren().count
        let client = try Caller(place)
        guard client.send("half "), eventually({ system.servingChildren().count > before }) else {
            throw TestSupportError("not taken:\n\(system.log)")
        }
        try system.settle()
        return client
    }

    /// Whether clients find nobody.
    var isRefusing: Bool { Caller.isRefused(place) }
}
