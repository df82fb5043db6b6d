//===----------------------------------------------------------------------===//
// Quartermaster: tests that what daemons count is what their clients say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing
import WorkerPage

/// Clients that keep account of every request: connections of five requests each, until they are told to stop.
private final class AccountedClients: @unchecked Sendable {
    struct Ledger: Equatable {
        var opened = 0
        var sent = 0
        var answered = 0
        /// Of these.
        var bytesOut = 0
    }

    private let lock = NSLock()
    private var isOver = false
    private var running = 0
    private var account = Ledger()

    /// - Parameter greeting: what the service says first.
    init(_ place: Place, greeting: String = "", threads: Int = 4) {
        running = threads
        for _ in 0..<threads { Thread.detachNewThread { self.work(place, greeting) } }
    }

    var ledger: Ledger { lock.withLock { account } }

    /// Waits until so many more requests were answered.
    func served(_ more: Int) -> Bool {
        let before = ledger.answered
        return eventually(every: .milliseconds(2)) { ledger.answered >= before + more }
    }

    func finish() -> Ledger {
        lock.withLock { isOver = true }
        #expect(eventually { lock.withLock { running == 0 } })
        return ledger
    }

    private func work(_ place: Place, _ greeting: String) {
        while lock.withLock({ !isOver }) {
            if let caller = try? Caller(place) {
                lock.withLock { account.opened += 1 }
                if greeting.isEmpty || caller.readLine() == greeting { converse(caller) }
            } else {
                usleep(1000)
            }
        }
        lock.withLock { running -= 1 }
    }

    private func converse(_ caller: Caller) {
        for number in 0..<5 {
            let line = "request \(number)\n"
            lock.withLock { account.sent += 1 }
            guard caller.send(line), caller.readLine() == line else { return }
            lock.withLock {
                account.answered += 1
                account.bytesOut += line.utf8.count
            }
        }
    }
}

@Suite("What daemons count", .timeLimit(.minutes(60))) struct CountingTests {
    private struct Scene {
        let system: MailSystem
        let master: RunningProcess

        init(_ services: [String], main: [String: String] = [:]) throws {
            system = try MailSystem(services, main: main, programs: ["echo", "postlogd", "test-service"])
            master = try system.start()
        }

        var page: String { system.queueDirectory + "/" + WorkerPage.path }

        func place(_ name: String) -> Place { .path(system.queueDirectory + "/public/" + name) }

        func figures(_ service: String) throws -> WorkerFigures {
            try WorkerReader.read(page).service(service) ?? WorkerFigures(name: service)
        }

        /// Waits until the figures are right; says what they are.
        func become(_ service: String, _ isRight: (WorkerFigures) -> Bool) throws -> WorkerFigures {
            var last = try figures(service)
            _ = try eventually {
                last = try figures(service)
                return isRight(last)
            }
            return last
        }

        func killAll(_ program: String) {
            for process in system.processes(program) { kill(process.pid, SIGKILL) }
        }
    }

    @Test("storms on every kind of service, with a reload and kills in between: the sums are those of the clients")
    func ledger() throws {
        let scene = try Scene(
            [
                "echo unix n - n - 3 echo", "wait unix n - n - 4 test-service serve=blocking",
                "lines unix-dgram n - n - 1 postlogd", "postlog unix-dgram n - n - 1 postlogd",
            ],
            main: ["max_use": "30"]
        )
        defer { scene.system.end() }
        var (echoed, waited) = (AccountedClients.Ledger(), AccountedClients.Ledger())
        let lines = scene.system.queueDirectory + "/public/lines"
        var sent = 0
        for round in 0..<3 {
            let clients = AccountedClients(scene.place("echo"))
            let others = AccountedClients(scene.place("wait"), greeting: "hello\n", threads: 3)
            #expect(clients.served(300) && others.served(100))
            for _ in 0..<200 where (try? DatagramFlood.send("a line of a client", to: lines)) != nil { sent += 1 }
            #expect(clients.served(300) && others.served(100))
            echoed += clients.finish()
            waited += others.finish()
            let asked = echoed
            let echo = try scene.become("echo/unix") { $0.open == 0 && $0.timed == asked.sent }
            #expect(asked.sent == asked.answered, "nobody was lost")
            #expect(echo[.requests] == asked.answered && echo.timed == asked.answered)
            #expect(echo[.accepted] == asked.opened && echo[.closed] == asked.opened)
            #expect(echo[.sent] == asked.bytesOut && echo[.received] == asked.bytesOut)
            let askedToo = waited
            let wait = try scene.become("wait/unix") { $0.open == 0 && $0.timed == askedToo.sent }
            #expect(askedToo.sent == askedToo.answered)
            #expect(wait[.requests] == askedToo.answered && wait[.accepted] == askedToo.opened)
            #expect(wait[.sent] == askedToo.bytesOut + 6 * askedToo.opened && wait[.received] == askedToo.bytesOut)
            let log = try scene.become("lines/unix-dgram") { $0.timed == sent }
            #expect(log[.requests] == sent && log[.received] == 18 * sent && sent > 0)
            if round == 1 { #expect(try scene.system.reload()) }
            // At rest, a kill takes nothing away: neither before master buries the process nor after.
            for name in ["echo", "test-service", "postlogd"] { scene.killAll(name) }
            let rested = try scene.become("echo/unix") { $0.processes == 0 }
            #expect(rested.counters == echo.counters && rested.times == echo.times)
            #expect(try scene.become("wait/unix") { $0.processes == 0 }.counters == wait.counters)
            #expect(try scene.become("lines/unix-dgram") { $0.processes == 0 }.counters == log.counters)
        }
        #expect(try WorkerReader.read(scene.page).uncounted == 0)
        #expect(scene.master.isRunning)
    }

    @Test("ten upgrades in the middle of storms: no total goes backwards, and the sums are those of the clients")
    func upgrades() throws {
        let scene = try Scene(["echo unix n - n - 3 echo", "wait unix n - n - 4 test-service serve=blocking"])
        defer { scene.system.end() }
        let made = try WorkerReader.read(scene.page).made
        let clients = AccountedClients(scene.place("echo"))
        let others = AccountedClients(scene.place("wait"), greeting: "hello\n", threads: 3)
        var last = WorkerFigures(name: "echo/unix")
        for round in 1...10 {
            #expect(clients.served(100) && others.served(50))
            #expect(scene.system.upgrade(), "round \(round): \(scene.system.log.suffix(2000))")
            let now = try scene.figures("echo/unix")
            #expect(WorkerCounter.allCases.allSatisfy { now[$0] >= last[$0] }, "round \(round): \(last) \(now)")
            last = now
        }
        let (asked, askedToo) = (clients.finish(), others.finish())
        let echo = try scene.become("echo/unix") { $0.open == 0 && $0.timed == asked.sent }
        #expect(echo[.requests] == asked.answered && echo[.accepted] == asked.opened && asked.sent == asked.answered)
        let wait = try scene.become("wait/unix") { $0.open == 0 && $0.timed == askedToo.sent }
        #expect(wait[.requests] == askedToo.answered && wait[.accepted] == askedToo.opened)
        // What ended processes have counted stays their service's, in the next program too.
        for name in ["echo", "test-service"] { scene.killAll(name) }
        let rested = try scene.become("echo/unix") { $0.processes == 0 }
        #expect(rested.counters == echo.counters && rested.times == echo.times)
        #expect(scene.system.upgrade())
        #expect(try scene.figures("echo/unix") == rested)
        let caller = try Caller(scene.place("echo"))
        #expect(caller.send("one\n") && caller.readLine() == "one\n")
        let more = try scene.become("echo/unix") { $0.timed == echo.timed + 1 }
        #expect(more[.requests] == echo[.requests] + 1)
        #expect(try WorkerReader.read(scene.page).made == made, "the same page")
        #expect(scene.system.count("was cut off or overwritten") == 0, "\(scene.system.log)")
    }

    /// A reload cuts off clients between two requests, and a kill wherever they are.
    @Test("kills and a reload in the middle of a storm: what was answered is counted, and nothing that was not asked")
    func killsUnderLoad() throws {
        let scene = try Scene(["echo unix n - n - 3 echo", "wait unix n - n - 4 test-service serve=blocking"])
        defer { scene.system.end() }
        let clients = AccountedClients(scene.place("echo"), threads: 6)
        let others = AccountedClients(scene.place("wait"), greeting: "hello\n")
        for round in 0..<10 {
            if round == 5 { #expect(try scene.system.reload()) }
            #expect(clients.served(50) && others.served(20))
            scene.killAll("echo")
            scene.killAll("test-service")
        }
        #expect(clients.served(50) && others.served(20))
        for (name, ledger) in [("echo/unix", clients.finish()), ("wait/unix", others.finish())] {
            let figures = try scene.become(name) { $0.open == 0 }
            #expect(figures.open == 0, "\(name)")
            #expect(figures[.requests] >= ledger.answered && figures[.requests] <= ledger.sent, "\(name): \(ledger)")
            #expect(ledger.answered < ledger.sent || ledger.answered > 0, "\(name): \(ledger)")
            #expect(figures[.accepted] <= ledger.opened && figures[.accepted] * 5 >= ledger.answered, "\(name)")
        }
        #expect(scene.master.isRunning)
    }

    @Test("a service that a reload removes is counted to its end, and keeps its sum")
    func removed() throws {
        let scene = try Scene(["echo unix n - n - 3 echo"])
        defer { scene.system.end() }
        let caller = try Caller(scene.place("echo"))
        #expect(caller.send("one\n") && caller.readLine() == "one\n")
        try scene.system.setServices(["other unix n - n - 1 echo"])
        #expect(try scene.system.reload())
        let figures = try scene.become("echo/unix") { $0.processes == 0 }
        #expect(figures.processes == 0)
        #expect(figures[.requests] == 1 && figures[.accepted] == 1 && figures[.closed] == 1)
    }

    @Test("the page belongs to mail_owner, nobody else may read it, and each start of master begins anew")
    func page() throws {
        let scene = try Scene(["echo unix n - n - 3 echo"])
        defer { scene.system.end() }
        let facts = try FileManager.default.attributesOfItem(atPath: scene.page)
        #expect((facts[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        #expect(facts[.ownerAccountName] as? String == MailSystem.owner)
        #expect(try WorkerReader.read(scene.page).master == scene.master.pid)
        let caller = try Caller(scene.place("echo"))
        #expect(caller.send("one\n") && caller.readLine() == "one\n")
        #expect(try scene.become("echo/unix") { $0.timed == 1 }[.requests] == 1)
        scene.master.send(SIGTERM)
        _ = scene.master.finish()
        let next = try scene.system.start()
        let overview = try WorkerReader.read(scene.page)
        #expect(overview.master == next.pid && overview.services.isEmpty)
    }

    @Test("a page that is cut off: master and daemons go on, one warning, and a new page")
    func cutOff() throws {
        let scene = try Scene(["echo unix n - n - 1 echo"])
        defer { scene.system.end() }
        let caller = try Caller(scene.place("echo"))
        #expect(caller.send("one\n") && caller.readLine() == "one\n")
        #expect(truncate(scene.page, 0) == 0)
        #expect(caller.send("two\n") && caller.readLine() == "two\n")
        scene.killAll("echo")
        #expect(scene.system.wait(for: "pid/master.workers was cut off or overwritten -- making a new one"))
        let again = try Caller(scene.place("echo"))
        #expect(again.send("three\n") && again.readLine() == "three\n")
        #expect(try scene.become("echo/unix") { $0.timed == 1 }[.requests] == 1)
        #expect(scene.master.isRunning)
    }

    @Test("a page that is removed, or another file in its place: a new one at the next reload, which readers find")
    func replaced() throws {
        let scene = try Scene(["echo unix n - n - 1 echo"])
        defer { scene.system.end() }
        for round in 1...2 {
            #expect(unlink(scene.page) == 0)
            if round == 2 { try Data("another".utf8).write(to: URL(fileURLWithPath: scene.page)) }
            #expect(try scene.system.reload())
            let warning = "pid/master.workers was removed or replaced -- making a new one"
            #expect(scene.system.wait(for: warning, count: round), "\(scene.system.log)")
            scene.killAll("echo")
            let caller = try Caller(scene.place("echo"))
            #expect(caller.send("one\n") && caller.readLine() == "one\n")
            #expect(try scene.become("echo/unix") { $0.timed >= 1 }[.requests] == 1)
        }
    }

    @Test("where the page cannot be made, master says so, takes the old one away, and serves")
    func noPage() throws {
        let system = try MailSystem(["echo unix n - n - 1 echo"], programs: ["echo"])
        defer { system.end() }
        let page = system.queueDirectory + "/" + WorkerPage.path
        try Data("of another master".utf8).write(to: URL(fileURLWithPath: page))
        // Its name is taken by something that is no file.
        try FileManager.default.createDirectory(atPath: page + ".new/x", withIntermediateDirectories: true)
        let master = try system.start()
        #expect(system.count("cannot make pid/master.workers: ") == 1, "\(system.log)")
        #expect(access(page, F_OK) != 0)
        let caller = try Caller(.path(system.queueDirectory + "/public/echo"))
        #expect(caller.send("one\n") && caller.readLine() == "one\n")
        #expect(master.isRunning)
    }
}

extension AccountedClients.Ledger {
    fileprivate static func += (left: inout Self, right: Self) {
        left.opened += right.opened
        left.sent += right.sent
        left.answered += right.answered
        left.bytesOut += right.bytesOut
    }
}
