//===----------------------------------------------------------------------===//
// Quartermaster: tests of master's words
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol
import Testing

@testable import MasterDaemon

@Suite struct NotesTests {
    private let smtp = ServiceID(index: 0, generation: 1)
    private let gone = ServiceID(index: 9, generation: 1)

    private func text(_ note: PolicyNote) -> [String] {
        let smtpPlan = plan("smtp", .inet, .inet([]), canonical: "25")
        return note.text { $0 == smtp ? smtpPlan : nil }.map { ($0.level == .warning ? "warning: " : "") + $0.text }
    }

    @Test("every note has its text")
    func everyNote() {
        let cases: [(PolicyNote, String)] = [
            (.exitStatus(pid: 5, smtp, status: 1), "warning: process /d/cmd pid 5 exit status 1"),
            (.killedBy(pid: 5, smtp, signal: 9), "warning: process /d/cmd pid 5 killed by signal 9"),
            (.stoppedBy(pid: 5, smtp, signal: 19), "warning: process /d/cmd pid 5 stopped by signal 19"),
            (.badStartup(smtp), "warning: /d/cmd: bad command startup -- throttling"),
            (.staleReport(pid: 5, smtp, generation: 7), "ignoring status update from child pid 5 generation 7"),
            (
                .unknownStatus(value: 42, pid: 5, smtp),
                "warning: master_status_event: ignoring unknown status: 42 allegedly from pid: 5"
            ),
            (
                .foreignReport(pid: 5, sender: smtp, owner: gone),
                "warning: ignoring status update for pid 5 of service (removed) on the channel of smtp"
            ),
            (.unknownChild(pid: 5), "master_reap: ignoring unknown pid: 5"),
            (
                .removalForced(smtp, children: 2),
                "warning: service smtp was removed, but 2 of its processes ignore SIGTERM -- sending SIGKILL"
            ),
            (.unknownReporter(pid: 5, smtp), "master_status_event: process id not found: 5"),
            (.spawned(pid: 5, smtp), "spawn command /d/cmd; pid 5"),
            (.throttling(smtp), "throttling command /d/cmd"),
            (.throttleReleased(smtp), "throttle released for command /d/cmd"),
            (.conditionalTimerStarted(smtp), "start conditional timer for smtp"),
            (.starting(smtp, .queueIsLong), "service smtp: starting a process, because more clients wait"),
            (
                .covered(smtp, .idleChild, idle: 1, total: 2),
                "service smtp: idle processes watch for clients (1 idle of 2)"
            ),
            (.turnsOver, "reload: all processes were told to leave"),
            (
                .outgoingAbandoned(smtp),
                "warning: service smtp: clients wait at an address that it has lost"
                    + " -- only processes that run already serve them"
            ),
            (.nudged(smtp, children: 2), "service smtp: clients wait -- telling 2 idle processes to look"),
            (.stressBegan(smtp), "service smtp comes near its process limit: processes run with stress=yes"),
            (
                .queueStands(smtp, idle: 2),
                "warning: service smtp: clients wait, and 2 idle processes do not take them -- starting another process"
                    + " (see what the idle ones do, with strace -p or gdb -p)"
            ),
        ]
        for (note, expected) in cases { #expect(text(note) == [expected]) }
    }

    @Test("the note about the process limit has three lines")
    func processLimit() {
        #expect(
            text(.processLimit(smtp, limit: 10)) == [
                "warning: service \"smtp\" (25) has reached its process limit \"10\": new clients may experience"
                    + " noticeable delays",
                "warning: to avoid this condition, increase the process count in master.cf or reduce the service time"
                    + " per client",
                "warning: see http://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration"
                    + " settings",
            ]
        )
    }

    private func lines(_ note: PolicyNote, _ type: Transport) -> [String] {
        note.text { _ in plan("x", type, .path("private/x", type), canonical: "private/x") }.map(\.text)
    }

    @Test("clients that wait are told of with their number, in the words of their kind")
    func waiting() {
        let cure =
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client"
        let start = "service \"x\" (private/x) has reached its process limit \"3\": "
        func line(_ type: Transport, _ waiting: Int32) -> [String] {
            lines(.processLimit(smtp, limit: 3, waiting: waiting), type)
        }
        for type in [Transport.inet, .unix, .pass] {
            #expect(line(type, 1) == [start + "1 client waits", cure])
            #expect(line(type, 57) == [start + "57 clients wait", cure])
        }
        #expect(line(.fifo, 5) == [start + "5 bytes wait", cure])
        #expect(line(.unixDatagram, 1) == [start + "datagrams wait", cure])
    }

    @Test("an overflow is told of with what was lost, and what helps")
    func overflow() {
        let cure =
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client"
        let longer =
            cure
            + "; a longer queue has more room: master_listen_backlog in main.cf, net.core.somaxconn in sysctl.conf"
        let start = "service \"x\" (private/x): "
        func line(_ type: Transport, _ times: UInt64) -> [String] {
            lines(.queueOverflowed(smtp, times: times, room: 9), type)
        }
        let because = "dropped, because the queue of 9 clients was full"
        #expect(line(.inet, 1) == [start + "1 attempt to connect was \(because)", longer])
        #expect(line(.inet, 70) == [start + "70 attempts to connect were \(because)", longer])
        for type in [Transport.unix, .pass] {
            let full = start + "the queue of 9 clients was full when looked at, "
            #expect(line(type, 1) == [full + "once", longer])
            #expect(line(type, 4) == [full + "4 times", longer])
        }
        #expect(line(.fifo, 2) == [start + "its FIFO was full when looked at, 2 times", cure])
    }

    @Test("a note about a service that is gone still has a text")
    func goneService() {
        #expect(text(.badStartup(gone)) == ["warning: (removed): bad command startup -- throttling"])
    }
}

@Suite struct FrozenSettingsTests {
    private static let text = "queue_directory = /q\ninet_protocols = ipv4"
    private let old = settings(Self.text)

    private func main(_ text: String) -> MainDictionary {
        var problems: [ConfigProblem] = []
        return MainDictionary(parsing: text, path: "/c/main.cf", problems: &problems)
    }

    @Test("where nothing has changed, nothing is said")
    func unchanged() {
        var same = old
        var problems: [ConfigProblem] = []
        let main = main(Self.text)
        FrozenSettings(old).restore(&same, main, problems: &problems)
        #expect(problems == [])
    }

    @Test("one warning for each, with both values, its place and the cure; the old value stays")
    func changed() {
        let text =
            "queue_directory = /other\ninet_protocols = all\ninet_interfaces = loopback-only\ndata_directory = /d"
        var new = settings(text)
        var problems: [ConfigProblem] = []
        FrozenSettings(old).restore(&new, main(text), problems: &problems)
        #expect(new.queueDirectory == "/q")
        #expect(
            problems.map(\.logged) == [
                "/c/main.cf, line 1: ignoring queue_directory parameter value change"
                    + " -- old value: \"/q\", new value: \"/other\" (To change queue_directory, stop and start Postfix.)",
                "/c/main.cf, line 4: master keeps its lock in the old data_directory, /var/lib/postfix"
                    + " (To change data_directory, stop and start Postfix.)",
            ]
        )
        #expect(problems.allSatisfy { $0.severity == .warning })
    }
}
