//===----------------------------------------------------------------------===//
// Quartermaster: tests of what services count themselves, from their process to the exporter
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing
import WorkerPage

@Suite("What services count themselves", .timeLimit(.minutes(60))) struct MetricsTests {
    private struct Scene {
        let system: MailSystem
        let master: RunningProcess
        let port: UInt16

        init() throws {
            port = try FreePort.next()
            system = try MailSystem(
                [
                    "127.0.0.1:\(port) inet n - n - 1 exporter", "stream unix n - n - 1 test-service measures",
                    "event unix n - n - 1 test-service measures finish=300 serve=events",
                    "async unix n - n - 1 test-async-service serve=measured",
                ],
                programs: ["exporter", "test-service", "test-async-service"]
            )
            master = try system.start()
        }

        var page: String { system.queueDirectory + "/" + MetricsPage.path }

        func caller(_ name: String) throws -> Caller { try Caller(.path(system.queueDirectory + "/public/" + name)) }

        /// Sends each line by a connection of its own, and waits for its answer.
        func say(_ lines: [String], to name: String) throws {
            for line in lines {
                let caller = try caller(name)
                #expect(caller.send(line + "\n"))
                #expect(caller.readLine() == (name == "async" ? "ok\n" : line + "\n"))
            }
        }

        /// The samples of services that the exporter tells, by what stands before their values.
        func samples() throws -> [String: String] {
            let caller = try Caller(.port(port))
            #expect(caller.send("GET /metrics HTTP/1.0\r\n\r\n"))
            let lines = (caller.readAll() ?? "").split(separator: "\n").filter { $0.hasPrefix("quartermaster_app_") }
            return Dictionary(
                uniqueKeysWithValues: lines.compactMap { line in
                    line.lastIndex(of: " ").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
                }
            )
        }

        /// Waits until these are told, among others; nil for one that is told no more.
        func become(_ wanted: [String: String?]) throws {
            var last: [String: String] = [:]
            let isSo = try eventually(every: .milliseconds(300)) {
                last = try samples()
                return wanted.allSatisfy { last["quartermaster_app_" + $0.key] == $0.value }
            }
            #expect(isSo, "\(wanted)\n\(last)\n\(system.log.suffix(2000))")
        }

        var workers: Set<Int32> {
            Set(["test-service", "test-async-service"].flatMap { system.processes($0).map(\.pid) })
        }

        /// With SIGKILL: no process says good-bye.
        func killAll() { for pid in workers { kill(pid, SIGKILL) } }
    }

    private static func of(_ service: String, _ name: String, _ labels: String = "") -> String {
        "\(name){service=\"\(service)\",type=\"unix\"\(labels)}"
    }

    @Test("stream, event and async services: killed, reloaded and upgraded, counts go on, and gauges go")
    func life() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        let last = ",of=\"the \\\"last\\\" one\""
        func expected(_ factor: Int, gauges: Bool) -> [String: String?] {
            var all: [String: String?] = [:]
            for name in ["stream", "event"] {
                all[Self.of(name, "lines_total")] = "\(2 * factor)"
                all[Self.of(name, "line_bytes_sum")] = "\(8 * factor)"
                all[Self.of(name, "line_bytes_count")] = "\(2 * factor)"
                all[Self.of(name, "line_length", last)] = gauges ? "5" : .some(nil)
            }
            all[Self.of("async", "lines_total", ",first_word=\"one\"")] = "\(factor)"
            all[Self.of("async", "lines_total", ",first_word=\"three\"")] = "\(factor)"
            all[Self.of("async", "line_time_seconds_sum")] =
                factor % 2 == 0 ? "\(factor / 2)" : "\(Double(factor) / 2)"
            all[Self.of("async", "line_length")] = gauges ? "5" : .some(nil)
            return all
        }
        func talk() throws { for name in ["stream", "event", "async"] { try scene.say(["one", "three"], to: name) } }

        try talk()
        try scene.become(expected(1, gauges: true))
        let status = try scene.system.masterctl("status", "stream")
        #expect(status.output.contains("its own figures:\n"), "\(status)")
        #expect(status.output.contains("  lines                               2\n"), "\(status)")
        let json = try scene.system.masterctl("status", "stream", "--json").output
        #expect(json.contains(#"{"service":"stream/unix","series":[{"name":"line_bytes","kind":"summary","sum":8"#))
        #expect(!json.contains("async/unix"))

        scene.killAll()
        try scene.become(expected(1, gauges: false))
        try talk()
        try scene.become(expected(2, gauges: true))
        #expect(scene.system.upgrade(), "\(scene.system.log.suffix(2000))")
        try talk()
        try scene.become(expected(3, gauges: true))
        // Who comes before a process has heard of the reload is served by that one, whose gauge goes with it.
        let former = scene.workers
        #expect(try scene.system.reload())
        #expect(eventually { former.isDisjoint(with: scene.workers) })
        try talk()
        try scene.become(expected(4, gauges: true))
        scene.killAll()
        try scene.become(expected(4, gauges: false))
        #expect(try MetricsReader.read(scene.page).dropped == 0)
        #expect(scene.system.count("pid/master.metrics") == 0, "\(scene.system.log)")
        #expect(scene.master.isRunning)
    }

    @Test(
        "a process that leaves its clients to a child leaves its figures to the service; the child counts in nobody's way"
    )
    func drained() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        let kept = try scene.caller("event")
        func ask(_ line: String) -> String? { kept.send(line + "\n") ? kept.readLine() : nil }
        let before = try #require(ask("pid"))
        #expect(try scene.system.reload())
        #expect(eventually { ask("pid") != before })
        // There may be one process, so who answers now has come when the former one was buried, with its gauge.
        try scene.say(["three"], to: "event")
        let length = Self.of("event", "line_length", ",of=\"the \\\"last\\\" one\"")
        let lines = Self.of("event", "lines_total")
        try scene.become([length: "5"])
        let counted = try #require(try scene.samples()["quartermaster_app_" + lines].flatMap { Int($0) })
        // What the child of the former process counts is not in the block that its successor may have now.
        for _ in 0..<5 { #expect(ask("one") == "one\n") }
        try scene.say(["three"], to: "event")
        try scene.become([lines: "\(counted + 1)", length: "5"])
        #expect(ask("one") == "one\n")
    }

    @Test("a page that is cut off or removed: master and services go on, a warning, and a new page")
    func lost() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.say(["one"], to: "stream")
        #expect(truncate(scene.page, 0) == 0)
        try scene.say(["three"], to: "stream")
        scene.killAll()
        #expect(scene.system.wait(for: "pid/master.metrics was cut off or overwritten -- making a new one"))
        try scene.say(["one"], to: "stream")
        try scene.become([Self.of("stream", "lines_total"): "1"])
        #expect(unlink(scene.page) == 0)
        #expect(try scene.system.reload())
        #expect(scene.system.wait(for: "pid/master.metrics was removed or replaced -- making a new one"))
        scene.killAll()
        try scene.say(["one"], to: "stream")
        try scene.become([Self.of("stream", "lines_total"): "1"])
        #expect(scene.master.isRunning)
    }
}
