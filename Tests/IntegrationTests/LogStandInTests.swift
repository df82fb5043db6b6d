//===----------------------------------------------------------------------===//
// Quartermaster: tests of the log while only master can write it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("A log without its writer", .timeLimit(.minutes(60))) struct LogStandInTests {
    private static let postlog = "postlog unix-dgram n - n - 1 postlogd"

    @Test("why the writer cannot start is in the log file, and what was said before that too")
    func missingWriter() throws {
        let system = try MailSystem([Self.postlog, Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let program = system.daemonDirectory + "/postlogd"
        #expect(system.wait(for: "warning: master_spawn: exec \(program): No such file or directory"))
        #expect(system.wait(for: "warning: \(program): bad command startup -- throttling"), "\(system.log)")
        #expect(system.count("daemon started -- version ") == 1)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
    }

    @Test("what others say goes into the file, whatever the processes of the service have done to its socket")
    func othersWithoutWriter() throws {
        let child = "postlog unix-dgram n - n - 1 test-child mode=unblock"
        let system = try MailSystem([child, Line.unix("talk", "serve")], main: ["service_throttle_time": "600s"])
        defer { system.end() }
        try system.start()
        #expect(system.wait(for: "bad command startup -- throttling"), "\(system.log)")
        // More than the socket has room for, with one in between that says nothing.
        let socket = system.queueDirectory + "/public/postlog"
        for number in 1...40 {
            let line = number == 20 ? "" : "Nov 26 00:00:00 host other[1]: line \(number) of 40"
            #expect(eventually { (try? DatagramFlood.send(line, to: socket)) != nil }, "\(number): \(system.log)")
        }
        #expect(system.wait(for: "other[1]: line 40 of 40"), "\(system.log)")
        #expect(system.count("other[1]: line ") == 39)
        try system.settle()
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
    }

    @Test("a writer that can start again takes over, and no line is written twice")
    func writerReturns() throws {
        let system = try MailSystem([Self.postlog], main: ["service_throttle_time": "1s"])
        defer { system.end() }
        try system.start()
        #expect(system.wait(for: "bad command startup -- throttling"), "\(system.log)")
        try system.install(BuiltProducts.path("postlogd"), as: "postlogd")
        // A line from another program starts it.
        let isBack = eventually(every: .milliseconds(200)) {
            _ = try? DatagramFlood.send(
                "Nov 26 00:00:00 host other[1]: hello",
                to: system.queueDirectory + "/public/postlog"
            )
            return !system.processes("postlogd").isEmpty
        }
        #expect(isBack, "\(system.log)")
        #expect(system.wait(for: "other[1]: hello"))
        #expect(try system.reload(), "\(system.log)")
        #expect(system.count(" reload -- version ") == 1)
        #expect(system.count("daemon started -- version ") == 1)
    }

    @Test("a bad main.cf whose writer is gone: the refusal is in the log file, with place and consequence")
    func refusalWithoutWriter() throws {
        let system = try MailSystem([Self.postlog], main: ["service_throttle_time": "600s"])
        defer { system.end() }
        try system.start()
        #expect(system.wait(for: "bad command startup -- throttling"), "\(system.log)")
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.write(good + "default_process_limit = many\n", to: system.mainCf)
        #expect(try !system.reload(), "\(system.log)")
        let line = good.split(separator: "\n").count + 1
        let place = "warning: \(system.mainCf), line \(line): bad numerical configuration: default_process_limit = many"
        #expect(system.count(place) == 1, "\(system.log)")
        #expect(system.count("warning: until \(system.mainCf) is corrected, new processes of daemons") == 1)
        try system.write(good, to: system.mainCf)
        try system.write("a tcp\n", to: system.masterCf)
        #expect(try !system.reload(), "\(system.log)")
        #expect(system.count("is corrected, new processes") == 1, "a mistake in master.cf is read by master alone")
    }

    @Test("a log file that cannot be opened, and no service to write it: no start")
    func noWriterAtAll() throws {
        let system = try MailSystem([], main: ["maillog_file": "/nonexistent/mail.log"])
        defer { system.end() }
        try system.setMain(["maillog_file_prefixes": "/nonexistent"])
        let result = try system.runMaster("-d")
        #expect(result.status == 1, "\(result)")
        #expect(result.output.contains(": open /nonexistent/mail.log: "), "\(result)")
        #expect(result.output.contains("add a postlog service to \(system.masterCf)"), "\(result)")
    }

    @Test("the main.cf that was accepted last is kept, and a refused one is not")
    func acceptedCopy() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let path = system.queueDirectory + "/pid/main.cf.accepted"
        let first = try String(contentsOfFile: path, encoding: .utf8)
        #expect(first.hasSuffix(try String(contentsOfFile: system.mainCf, encoding: .utf8)))
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.write(good + "default_process_limit = many\n", to: system.mainCf)
        #expect(try !system.reload())
        #expect(try String(contentsOfFile: path, encoding: .utf8) == first)
        try system.setMain(["max_idle": "7s"])
        #expect(try system.reload(), "\(system.log)")
        #expect(try String(contentsOfFile: path, encoding: .utf8).contains("max_idle = 7s\n"))
    }
}
