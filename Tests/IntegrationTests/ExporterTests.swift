//===----------------------------------------------------------------------===//
// Quartermaster: tests of exporter under a real master, read by Prometheus' own programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("exporter under master", .timeLimit(.minutes(60))) struct ExporterTests {
    private struct Scene {
        let port: UInt16
        let system: MailSystem

        init() throws {
            port = try FreePort.next()
            system = try MailSystem(
                [
                    "127.0.0.1:\(port) inet n - n - 1 exporter", "echo unix n - n - 3 echo",
                    "lines unix-dgram n - n - 1 postlogd", "talk unix n - n - 1 test-service measures",
                    "broken unix n - n - 5 no-such-program",
                ],
                main: ["service_throttle_time": "1000s"],
                programs: ["exporter", "echo", "postlogd", "test-service"]
            )
            try system.start()
        }

        /// The body of a response whose status is 200.
        func get(_ path: String, _ fields: String = "") throws -> String {
            let caller = try Caller(.port(port))
            let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(fields)\r\n"
            guard caller.send(request), let text = caller.readAll(), text.hasPrefix("HTTP/1.1 200 OK\r\n"),
                let end = text.range(of: "\r\n\r\n")
            else { throw TestSupportError("no \(path)\n\(system.log)") }
            return String(text[end.upperBound...])
        }

        /// Serves a little of everything.
        func work() throws {
            let caller = try Caller(.path(system.queueDirectory + "/public/echo"))
            for _ in 0..<5 { #expect(caller.send("hello\n") && caller.readLine() == "hello\n") }
            try DatagramFlood.send("a line", to: system.queueDirectory + "/public/lines")
            let talker = try Caller(.path(system.queueDirectory + "/public/talk"))
            #expect(talker.send("a word\n") && talker.readLine() == "a word\n")
            // Nobody answers there.
            _ = try? Caller(.path(system.queueDirectory + "/public/broken"))
        }
    }

    private static let openMetrics = "Accept: application/openmetrics-text;version=1.0.0\r\n"

    @Test("what it says is what happened: services, processes, requests, trouble")
    func figures() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.work()
        var metrics = ""
        let wanted = [
            "quartermaster_work_requests_total{service=\"echo\",type=\"unix\"} 5",
            "quartermaster_service_state{service=\"broken\",type=\"unix\",state=\"throttled\"} 1",
            "quartermaster_up 1", "quartermaster_service_processes{service=\"echo\",type=\"unix\",state=\"idle\"} 1",
            "quartermaster_service_process_limit{service=\"echo\",type=\"unix\"} 3",
            "quartermaster_work_received_bytes_total{service=\"echo\",type=\"unix\"} 30",
            "quartermaster_work_requests_total{service=\"lines\",type=\"unix-dgram\"} 1",
            "quartermaster_work_request_seconds_count{service=\"echo\",type=\"unix\"} 5",
            "quartermaster_app_lines_total{service=\"talk\",type=\"unix\"} 1",
            "quartermaster_app_line_length{service=\"talk\",type=\"unix\",of=\"the \\\"last\\\" one\"} 6",
            "quartermaster_app_line_bytes_sum{service=\"talk\",type=\"unix\"} 6",
        ]
        var missing = wanted
        _ = try eventually(every: .milliseconds(300)) {
            metrics = try scene.get("/metrics")
            missing = wanted.filter { !metrics.contains($0 + "\n") }
            return missing.isEmpty
        }
        #expect(missing == [], "\(metrics)")
        let printed = try scene.system.masterctl("metrics")
        let work = metrics.split(separator: "\n").filter { $0.contains("_work_") && $0.contains("service=\"echo\"") }
        #expect(
            !work.isEmpty && work.allSatisfy { printed.output.contains($0 + "\n") },
            "masterctl has them: \(printed)"
        )
        let json = try JSONSerialization.jsonObject(with: Data(try scene.get("/status.json").utf8)) as? [String: Any]
        let services = try #require(json?["services"] as? [[String: Any]])
        #expect(services.contains { $0["name"] as? String == "broken" && $0["state"] as? String == "throttled" })
        let counted = try #require(json?["work"] as? [[String: Any]])
        #expect(counted.contains { $0["service"] as? String == "echo/unix" && $0["requests"] as? Int == 5 })
        #expect((json?["events"] as? [[String: Any]])?.isEmpty == false)
        #expect(try scene.get("/readyz") == "ready\n")
        #expect(try scene.get("/").contains("</html>"))
        #expect(!scene.system.logLines.contains { $0.contains("/exporter[") }, "it has nothing to say")
    }

    @Test("ordinary users' exporter and one in a chroot show the same", arguments: ["n", "y"])
    func chroot(_ wantsChroot: String) throws {
        guard wantsChroot == "n" || geteuid() == 0 else { return }
        let port = try FreePort.next()
        let system = try MailSystem(
            ["127.0.0.1:\(port) inet n - \(wantsChroot) - 1 exporter"],
            programs: ["exporter"]
        )
        defer { system.end() }
        try system.start()
        let caller = try Caller(.port(port))
        #expect(caller.send("GET /readyz HTTP/1.0\r\n\r\n"))
        #expect(caller.readAll()?.hasSuffix("\r\n\r\nready\n") == true, "\(system.log)")
    }

    @Test("promtool finds nothing to say about the metrics", .enabled(if: hasPrometheus, "needs Debian's prometheus"))
    func promtool() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.work()
        let file = scene.system.directory + "/metrics"
        try scene.get("/metrics").write(toFile: file, atomically: true, encoding: .utf8)
        let result = try run(["/bin/sh", "-c", "/usr/bin/promtool check metrics < '\(file)'"])
        #expect(result.succeeded, "\(result)")
        #expect(result.output.trimmingCharacters(in: .whitespacesAndNewlines) == "", "\(result)")
    }

    @Test(
        "promtool finds nothing to say about what masterctl prints, either",
        .enabled(if: hasPrometheus, "needs Debian's prometheus")
    )
    func printed() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.work()
        let file = scene.system.directory + "/metrics"
        let metrics = try scene.system.masterctl("metrics", "--prometheus")
        #expect(metrics.succeeded && metrics.output.contains("quartermaster_service_uses_total"), "\(metrics)")
        try metrics.output.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try run(["/bin/sh", "-c", "/usr/bin/promtool check metrics < '\(file)'"])
        #expect(result.succeeded, "\(result)")
        #expect(result.output.trimmingCharacters(in: .whitespacesAndNewlines) == "", "\(result)")
    }

    @Test(
        "the reference parser of OpenMetrics reads what masterctl prints, and what exporter serves",
        .enabled(if: openMetricsParser != nil, "needs scripts/check-python to have run")
    )
    func openMetricsParsed() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.work()
        let file = scene.system.directory + "/metrics"
        let program = """
            import sys
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
            families = list(text_string_to_metric_families(open(sys.argv[1], newline="").read()))
            print(len(families), sum(len(family.samples) for family in families))
            """
        for text in [try scene.system.masterctl("metrics").output, try scene.get("/metrics", Self.openMetrics)] {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let result = try run([try #require(openMetricsParser), "-c", program, file])
            #expect(result.succeeded, "\(result)\n\(text)")
            let counts = result.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            #expect(counts.count == 2 && counts[0] > 20 && counts[1] > 100, "\(result)")
        }
        // It would find a mistake.
        let broken = try scene.system.masterctl("metrics").output.replacingOccurrences(of: "# EOF\n", with: "")
        try broken.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try !run([try #require(openMetricsParser), "-c", program, file]).succeeded)
    }

    @Test(
        "promtool accepts the alert rules and the configuration",
        .enabled(if: hasPrometheus, "needs Debian's prometheus")
    )
    func rules() throws {
        let result = try run(["/usr/bin/promtool", "check", "config", Self.example("prometheus/prometheus.yml")])
        #expect(result.succeeded, "\(result)")
        let alerts = try run(["/usr/bin/promtool", "test", "rules", Self.example("prometheus/alerts.test.yml")])
        #expect(alerts.succeeded, "\(alerts)")
    }

    @Test(
        "a real Prometheus scrapes it, and its rules and the dashboard find what they ask for",
        .enabled(if: hasPrometheus, "needs Debian's prometheus")
    )
    func scraped() throws {
        let scene = try Scene()
        defer { scene.system.end() }
        try scene.work()
        let port = try FreePort.next()
        let configuration = scene.system.directory + "/prometheus.yml"
        let text = """
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: ["\(Self.example("prometheus/alerts.yml"))"]
            scrape_configs:
              - job_name: quartermaster
                static_configs: [{ targets: ["127.0.0.1:\(scene.port)"] }]
            """
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
        let prometheus = try RunningProcess([
            "/usr/bin/prometheus", "--config.file=\(configuration)",
            "--storage.tsdb.path=\(scene.system.directory)/tsdb", "--web.listen-address=127.0.0.1:\(port)",
            "--log.level=warn",
        ])
        defer { prometheus.end() }
        func ask(_ path: String) -> String {
            guard let caller = try? Caller(.port(port)),
                caller.send("GET \(path) HTTP/1.0\r\nHost: localhost\r\n\r\n")
            else { return "" }
            return caller.readAll() ?? ""
        }
        /// Whether there is a value for an expression.
        func query(_ expression: String) -> Bool {
            let escaped = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return ask("/api/v1/query?query=\(escaped)").contains("\"value\":[")
        }
        func finds(_ expression: String) -> Bool { eventually(every: .milliseconds(300)) { query(expression) } }
        #expect(finds("quartermaster_up == 1"))
        let targets = ask("/api/v1/targets")
        #expect(targets.contains("\"health\":\"up\"") && targets.contains("\"lastError\":\"\""), "\(targets)")
        #expect(finds("quartermaster_work_requests_total{service=\"echo\"} == 5"))
        #expect(finds("quartermaster_service_state{state=\"throttled\"} == 1"))
        // Names that do not exist would find nothing: each metric of the dashboard and the rules is one of ours.
        for file in ["grafana/quartermaster.json", "prometheus/alerts.yml"] {
            let content = try String(contentsOfFile: Self.example(file), encoding: .utf8)
            let names = Set(content.matches(of: #/quartermaster_[a-z_]+/#).map { String($0.output) })
            #expect(names.count > 4)
            for name in names.sorted() where name != "quartermaster_last_reload_successful" {
                #expect(finds("count({__name__=\"\(name)\"})"), "\(file): \(name)")
            }
        }
        let isEvaluated = eventually(within: patience, every: .milliseconds(300)) {
            ask("/api/v1/rules").components(separatedBy: "\"health\":\"ok\"").count == 10
        }
        #expect(isEvaluated, "\(ask("/api/v1/rules"))")
        #expect(prometheus.isRunning, "\(prometheus.output)")
    }

    private static func example(_ name: String) -> String {
        let tests = (#filePath as NSString).deletingLastPathComponent
        return ((tests + "/../../examples/" + name) as NSString).standardizingPath
    }
}

private var hasPrometheus: Bool {
    access("/usr/bin/prometheus", X_OK) == 0 && access("/usr/bin/promtool", X_OK) == 0
}

/// Python with prometheus-client, which scripts/check-python installs; nil where it has not.
private let openMetricsParser: String? = {
    let tests = (#filePath as NSString).deletingLastPathComponent
    let python = ((tests + "/../../.build/python-tools/bin/python") as NSString).standardizingPath
    guard let result = try? run([python, "-c", "import prometheus_client"]), result.succeeded else { return nil }
    return python
}()
