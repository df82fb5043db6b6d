//===----------------------------------------------------------------------===//
// Quartermaster: tests of exporter with pages that the test makes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import SystemCalls
import TestSupport
import Testing
import WorkerPage

@Suite("exporter") struct ExporterTests {
    static let host = "Host: localhost\r\n"

    @Test("each path has its type, and nothing is stored")
    func paths() throws {
        let stage = try ExporterStage()
        try stage.publish()
        for (path, type) in [
            ("/", "text/html; charset=utf-8"), ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
            ("/status.json", "application/json"), ("/healthz", "text/plain; charset=utf-8"),
            ("/readyz", "text/plain; charset=utf-8"), ("/metrics?module=x", "text/plain; version=0.0.4; charset=utf-8"),
            ("http://localhost:9154/healthz?", "text/plain; charset=utf-8"),
        ] {
            let response = try stage.become(path) { $0.status.contains("200") }
            #expect(response.status == "HTTP/1.1 200 OK", "\(path): \(response)")
            #expect(response.fields["Content-Type"] == type)
            #expect(response.fields["Cache-Control"] == "no-store")
            #expect(response.fields["X-Content-Type-Options"] == "nosniff")
            #expect(!response.body.isEmpty)
        }
        #expect(stage.child.isRunning)
    }

    @Test(
        "what is no request for one of them is refused, and the connection ends where the next request is not known",
        arguments: [
            ("GET /nothing HTTP/1.1\r\n" + host + "\r\n", "404 Not Found", false),
            ("GET /metrics/ HTTP/1.1\r\n" + host + "\r\n", "404 Not Found", false),
            ("GET //metrics HTTP/1.1\r\n" + host + "\r\n", "404 Not Found", false),
            ("GET /../pid/master.pid HTTP/1.1\r\n" + host + "\r\n", "404 Not Found", false),
            ("GET * HTTP/1.1\r\n" + host + "\r\n", "404 Not Found", false),
            ("POST /metrics HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx", "405 Method Not Allowed", true),
            ("DELETE / HTTP/1.1\r\n" + host + "\r\n", "405 Method Not Allowed", true),
            ("get / HTTP/1.1\r\n" + host + "\r\n", "405 Method Not Allowed", true),
            ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", true),
            ("GET / HTTP/1.1\r\n" + host + host + "\r\n", "400 Bad Request", true),
            ("GET / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello", "400 Bad Request", true),
            ("GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request", true),
            ("GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n", "400 Bad Request", true),
            ("GET / HTTP/1.1\r\n" + host + "X: a\0b\r\n\r\n", "400 Bad Request", true),
            ("GET / HTTP/2.0\r\n" + host + "\r\n", "505 HTTP Version Not Supported", true),
            ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "400 Bad Request", true),
        ] as [(String, String, Bool)]
    )
    func refused(_ request: String, _ status: String, _ ends: Bool) throws {
        let stage = try ExporterStage()
        let client = try stage.room.connect()
        try client.send(request)
        let response = try Response(client)
        #expect(response.status == "HTTP/1.1 " + status)
        #expect((response.fields["Allow"] == "GET, HEAD") == (status.hasPrefix("405")))
        #expect(response.fields["Connection"] == (ends ? "close" : "keep-alive"))
        if ends { #expect(client.isDisconnected()) }
        #expect(try stage.get("/healthz").body == "ok\n", "others are served")
    }

    @Test("a head that is too long is refused", arguments: [8192, 8193, 20_000])
    func tooLong(_ size: Int) throws {
        let stage = try ExporterStage()
        let client = try stage.room.connect()
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        try client.send(start + String(repeating: "x", count: size - start.utf8.count))
        #expect(try Response(client).status == "HTTP/1.1 431 Request Header Fields Too Large")
        #expect(client.isDisconnected())
        #expect(stage.child.isRunning)
    }

    @Test("HEAD is GET without the body, and a connection stays for the next request")
    func head() throws {
        let stage = try ExporterStage()
        try stage.publish()
        let size = try stage.get("/").body.utf8.count
        let client = try stage.room.connect()
        let one = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
        let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        // All at once, and an empty line in between.
        try client.send(one + "\r\n" + one + last)
        for _ in 0..<2 {
            let response = try Response(client, hasBody: false)
            #expect(response.status == "HTTP/1.1 200 OK" && response.fields["Content-Length"] == "\(size)")
            #expect(response.fields["Connection"] == "keep-alive")
        }
        let end = try Response(client)
        #expect(end.body == "ok\n" && end.fields["Connection"] == "close")
        #expect(client.isDisconnected())
        let old = try stage.room.connect()
        try old.send("GET /healthz HTTP/1.0\r\n\r\n")
        #expect(try Response(old).fields["Connection"] == "close")
        #expect(old.isDisconnected())
    }

    @Test(
        "a scraper gets the form that it likes better",
        arguments: [
            ("", false), ("Accept: */*\r\n", false), ("Accept: text/html,*/*;q=0.8\r\n", false),
            ("Accept: application/openmetrics-text\r\n", true),
            (
                "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n", true
            ),
            ("Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.6\r\n", false),
            ("Accept: application/openmetrics-text;q=0.5,text/*;q=0.5\r\n", true),
            ("Accept: application/openmetrics-text;q=0\r\n", false),
            ("Accept: Application/OpenMetrics-Text ; Q=0.001\r\n", true),
            ("Accept: application/openmetrics-text;q=nonsense\r\n", false),
            ("Accept: ;;,,;q=1,application/openmetrics-text;q=1.000;x=\"y\"\r\n", true),
            ("Accept: text/plain\r\nAccept: application/openmetrics-text\r\n", false),
        ] as [(String, Bool)]
    )
    func form(_ accept: String, _ isOpenMetrics: Bool) throws {
        let stage = try ExporterStage()
        try stage.publish()
        // It may have looked before there was a page.
        _ = try stage.become("/metrics") { $0.body.contains("quartermaster_up 1\n") }
        let response = try stage.get("/metrics", accept)
        #expect(response.fields["Content-Type"]?.hasPrefix("application/openmetrics-text") == isOpenMetrics)
        #expect(response.body.hasSuffix("# EOF\n") == isOpenMetrics)
        #expect(response.body.contains("quartermaster_up 1\n"))
    }

    @Test("ready is who has a running master with a pulse; all others say why they are not, and live")
    func readiness() throws {
        let stage = try ExporterStage()
        func expect(_ text: String, isReady: Bool, up: Int) throws {
            let response = try stage.become("/readyz") { $0.body == text }
            #expect(response.body == text)
            #expect(response.status == (isReady ? "HTTP/1.1 200 OK" : "HTTP/1.1 503 Service Unavailable"))
            #expect(try stage.get("/metrics").body.contains("quartermaster_up \(up)\n"))
            #expect(try stage.get("/healthz").body == "ok\n")
        }
        try expect("not ready: there is no pid/master.status: this master publishes none\n", isReady: false, up: 0)
        let missing = try stage.get("/status.json")
        #expect(missing.status == "HTTP/1.1 503 Service Unavailable")
        #expect(missing.body.contains("\"error\":\"there is no pid/master.status"))
        try stage.publish()
        try expect("ready\n", isReady: true, up: 1)
        try stage.publish(.draining)
        try expect("not ready: master is draining\n", isReady: false, up: 1)
        try stage.publish(heartbeat: max(ExporterStage.now - 40_000, 1))
        try expect("not ready: master is silent\n", isReady: false, up: 0)
        try stage.publish(pid: 1)
        try expect("not ready: master is dead\n", isReady: false, up: 0)
        try Data("no page".utf8).write(to: URL(fileURLWithPath: stage.room.queue + "/pid/master.status"))
        try expect("not ready: pid/master.status is damaged\n", isReady: false, up: 0)
        #expect(stage.child.isRunning)
    }

    @Test("names that would be HTML, or end a string, stay text")
    func escaping() throws {
        let stage = try ExporterStage()
        try stage.publish()
        let json = try stage.become("/status.json") { $0.status.contains("200") }
        let object = try JSONSerialization.jsonObject(with: Data(json.body.utf8)) as? [String: Any]
        let services = object?["services"] as? [[String: Any]]
        #expect(services?.first?["name"] as? String == "<script>&\"\\\n")
        #expect(try stage.get("/metrics").body.contains("service=\"<script>&\\\"\\\\\\n\""))
        #expect(try !stage.get("/").body.contains("&\"\\"), "the page itself has nothing of master's in it")
    }

    @Test("what daemons count is there, and only of the same master")
    func work() throws {
        let stage = try ExporterStage()
        try stage.publish()
        let path = "\(stage.room.queue)/\(WorkerPage.path)"
        func makeTable(master: Int32) throws {
            let table = try WorkerTable(at: path, owner: nil, master: master, nowMilliseconds: 0)
            let row = try WorkerRow(at: path, service: "echo/unix", pid: 1)
            row.count(.requests, 7)
            row.countTime(nanoseconds: 5000, of: 7)
            let isIntact = table.isIntact
            #expect(isIntact)
        }
        try makeTable(master: processID())
        let metrics = try stage.become("/metrics") { $0.body.contains("work_requests") }.body
        #expect(metrics.contains("quartermaster_work_requests_total{service=\"echo\",type=\"unix\"} 7\n"))
        #expect(
            metrics.contains(
                "quartermaster_work_request_seconds_bucket{service=\"echo\",type=\"unix\",le=\"0.000001\"} 7\n"
            )
        )
        #expect(metrics.contains("quartermaster_work_request_seconds_sum{service=\"echo\",type=\"unix\"} 0.000005\n"))
        let json = try stage.get("/status.json").body
        #expect(json.contains("\"work\":[{\"service\":\"echo/unix\",\"processes\":1,\"open\":0,"))
        try makeTable(master: 1)
        #expect(try !stage.become("/metrics") { !$0.body.contains("work_requests") }.body.contains("work_requests"))
    }

    @Test("a client that is silent, half a request, and a client that reads nothing are left after the time limit")
    func slow() throws {
        try inTime(.milliseconds(900)) { clock in
            let stage = try ExporterStage(["-o", "exporter_timeout=1s"])
            try stage.publish()
            clock.start()
            let silent = try stage.room.connect()
            let half = try stage.room.connect()
            try half.send("GET / HTTP/1.1\r\nHo")
            let kept = try stage.room.connect()
            try kept.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try Response(kept).body == "ok\n")
            // More than a socket holds; the rest of it stays in the exporter.
            let deaf = try stage.room.connect()
            try deaf.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 100))
            clock.stop()
            for client in [silent, half, kept, deaf] { #expect(client.isDisconnected()) }
            #expect(try stage.get("/healthz").body == "ok\n")
            #expect(stage.room.log.text.contains("warning") == false, "\(stage.room.log.text)")
        }
    }

    @Test("more clients than there may be are told so, and the others are served")
    func crowd() throws {
        let stage = try ExporterStage(["-o", "exporter_client_limit=3"])
        let clients = try (0..<3).map { _ in try stage.room.connect() }
        for client in clients {
            try client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try Response(client).body == "ok\n")
        }
        let fourth = try stage.room.connect()
        #expect(try Response(fourth).status == "HTTP/1.1 503 Service Unavailable")
        #expect(fourth.isDisconnected())
        try clients[0].send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(try Response(clients[0]).body == "ok\n")
        #expect(clients[0].isDisconnected())
        #expect(try stage.get("/healthz").body == "ok\n")
    }
}
