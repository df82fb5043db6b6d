//===----------------------------------------------------------------------===//
// Quartermaster: tests of what a reload comes to, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite("What a reload comes to") struct ReloadReportTests {
    private let masterPath = "/c/master.cf"

    private func report(_ outcome: ReloadReport.Outcome, _ problems: [ConfigProblem]) -> [ReloadReport.Line] {
        ReloadReport(outcome: outcome, problems: problems, mainPath: "/c/main.cf").lines
    }

    @Test("a refusal tells each problem with place and cure, and that nothing has changed")
    func refusal() {
        let last = ReloadReport.Line.warning(
            "reload refused: everything keeps running on the previous configuration"
                + " -- correct the problem above and reload again"
        )
        let problem = ConfigProblem.fatal("bad transport type: tcp", at: .line(4, of: masterPath), cure: "Use unix.")
        #expect(
            report(.refused, [problem]) == [
                .warning("\(masterPath), line 4: bad transport type: tcp (Use unix.)"), last,
            ]
        )
        let main = report(.refused, [.fatal("x", at: .line(1, of: "/c/main.cf")), .info("y")])
        #expect(main.count == 4)
        #expect(main.prefix(2) == [.warning("/c/main.cf, line 1: x"), .info("y")])
        #expect(main[2].text.hasPrefix("until /c/main.cf is corrected, new processes of daemons other than"))
        #expect(main[3] == last)
    }

    @Test("an accepted reload tells its warnings, and what it has changed")
    func accepted() {
        let added = ServiceChanges(added: [plan("a", .unix, .path("private/a", .unix))])
        #expect(
            report(.accepted(added), [.warning("odd", cure: "Look.")])
                == [.warning("odd (Look.)"), .info("reload accepted: added a/unix")]
        )
        #expect(
            report(.accepted(ServiceChanges()), [])
                == [.info("reload accepted: no service was added, removed or changed")]
        )
    }

    @Test("master itself: a refused reload and an accepted one, each as one value")
    func master() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene()
            try scene.write(master: "a unix - - n - 1 sh\nb unix - - n - 1 sh\n")
            let master = try scene.start()
            #expect(master.lastReload == nil)

            try scene.write(main: "max_use = many\n", master: "a tcp - - n - 1 sh\n")
            let refused = try scene.reload(master)
            #expect(refused.outcome == .refused)
            #expect(refused.problems.map(\.severity) == [.fatal, .fatal])
            #expect(refused.problems.map(\.line) == [8, 1])
            #expect(refused.problems.map(\.file) == [scene.main, scene.master])
            #expect(
                refused.problems.map(\.text) == [
                    "bad numerical configuration: max_use = many", "bad transport type: tcp",
                ]
            )
            #expect(refused.problems.allSatisfy { $0.cure != nil })
            #expect(master.services.compactMap { $0?.plan.entry.nameAsWritten } == ["a", "b"], "nothing has changed")

            try scene.write(master: "b unix - - n - 5x sh\nc unix - - n - 1 sh\n")
            let accepted = try scene.reload(master)
            guard case .accepted(let changes) = accepted.outcome else {
                Issue.record("refused: \(accepted.problems)")
                return
            }
            #expect(changes.added.map(\.entry.nameAsWritten) == ["c"])
            #expect(changes.removed.map(\.entry.nameAsWritten) == ["a"])
            #expect(changes.changed.map(\.entry.nameAsWritten) == ["b"])
            #expect(accepted.problems.map(\.severity) == [.warning])
            #expect(accepted.problems.map(\.line) == [1])

            try scene.write(master: "")
            let empty = try scene.reload(master)
            #expect(empty.outcome == .refused)
            #expect(empty.problems.map(\.message) == ["\(scene.master): there is no service"])
        }
    }
}

/// A mail system whose master is in this process. Only for a process of its own: it changes directory.
private final class Scene {
    let home: TemporaryDirectory
    var main: String { home.file("main.cf") }
    var master: String { home.file("master.cf") }

    init() throws {
        home = try TemporaryDirectory("qm-report")
        for name in ["queue", "queue/pid", "queue/private", "data"] {
            try FileManager.default.createDirectory(atPath: home.file(name), withIntermediateDirectories: false)
            // Whoever the mail owner is.
            chmod(home.file(name), 0o777)
        }
        try changeDirectory(home.file("queue"))
    }

    func write(main: String = "", master: String) throws {
        let basics = """
            compatibility_level = 3.6
            mail_owner = \(geteuid() == 0 ? "mail" : NSUserName())
            setgid_group = news
            inet_protocols = ipv4
            queue_directory = \(home.file("queue"))
            data_directory = \(home.file("data"))
            daemon_directory = /bin

            """
        for (name, text) in [("main.cf", basics + main), ("master.cf", master)] {
            try home.write(text, to: name)
            let hourAgo = Date(timeIntervalSinceNow: -3600)
            try FileManager.default.setAttributes([.modificationDate: hourAgo], ofItemAtPath: home.file(name))
        }
    }

    func start() throws -> Master {
        var builder = ModelBuilder(configDirectory: home.path, processName: "master", for: .start)
        let built = builder.build()
        let model = try #require(built, "\(builder.problems)")
        let locks = MasterLocks(
            pid: try PidLock.acquire("pid/master.pid"),
            data: try PidLock.acquire(home.file("data/lock"))
        )
        let master = Master(
            Invocation(
                try MasterOptions(parsing: [], program: "master", pid: 2),
                processName: "master",
                arguments: ["master"]
            ),
            log: Log(ident: "test", host: nil, destination: .standardError, waits: false),
            loop: try EventLoop(capacity: 64),
            model: model,
            frozen: FrozenSettings(model.settings),
            flow: try makePipe(nonBlocking: true).moved(atLeast: ChildImage.lowestSource),
            locks: locks,
            manager: ServiceManagerOffer(pid: 2) { _ in nil }
        )
        MasterMain.startServices(model, OfferedSockets(), master)
        return master
    }

    /// Asks for a reload, and goes on with it until it has come to something.
    func reload(_ master: Master) throws -> ReloadReport {
        master.lastReload = nil
        master.goOnWithReload(.asked)
        for _ in 0..<100 where master.lastReload == nil {
            // A helper process looks the accounts up.
            try master.loop.turn(waitingAtMost: 10_000)
            while master.loop.next() != nil {}
            if master.lastReload == nil { master.goOnWithReload(.namesArrived) }
        }
        return try #require(master.lastReload, "the reload comes to nothing")
    }
}
