//===----------------------------------------------------------------------===//
// Quartermaster: requests of HTTP as the command line words them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadGeneration
import Testing

@Suite("targets of HTTP")
struct HTTPTargetTests {
    private func sent(_ url: String, _ change: (inout HTTPRequestText) throws -> Void = { _ in }) throws -> String {
        var request = try HTTPRequestText(url: url)
        try change(&request)
        return String(decoding: request.script(keepsConnections: true).exchange[0].send, as: UTF8.self)
    }

    @Test(
        "path, query, host and port of a URL",
        arguments: [
            ("http://a.example/x?y=1#z", "/x?y=1", "a.example", "a.example:80"),
            ("http://127.0.0.1:8080", "/", "127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:81/", "/", "[::1]:81", "[::1]:81"), ("http://[::1]/", "/", "[::1]", "[::1]:80"),
            ("http://a?b", "/?b", "a", "a:80"),
        ] as [(String, String, String, String)]
    )
    func parts(url: String, path: String, host: String, endPoint: String) throws {
        #expect(try sent(url) == "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: bench-accept\r\n\r\n")
        #expect(try HTTPRequestText(url: url).endPoint == endPoint)
    }

    @Test("method, fields and body; a field that is given replaces ours")
    func words() throws {
        let text = try sent("http://a/") {
            try $0.setMethod("PUT")
            try $0.add(field: "host: b")
            try $0.add(field: "X-Y:  z")
            $0.body = Array("{}".utf8)
        }
        let wanted = "PUT / HTTP/1.1\r\nUser-Agent: bench-accept\r\nContent-Length: 2\r\nhost: b\r\nX-Y: z\r\n\r\n{}"
        #expect(text == wanted)
    }

    @Test("a whole command, over TCP and over a UNIX socket", arguments: [true, false])
    func command(overTCP: Bool) throws {
        let requests = Notes()
        let server = SmallServer(overTCP: overTCP) { client in
            while let request = hear(client) {
                requests.add(request)
                say(client, "HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        let place = overTCP ? ["http://127.0.0.1:\(server.port)/a/b?c"] : ["--unix", server.path, "http://name/a/b?c"]
        let words = ["--method", "POST", "--send", "x=\\x41", "--header", "Accept: text/plain", "--count", "20"]
        let run = try Bench.run([Bench.program, "kept"] + place + words)
        #expect(run.status == 0, "\(run)")
        #expect(run.output.contains("preset http"))
        let host = overTCP ? "127.0.0.1:\(server.port)" : "name"
        #expect(
            requests.all.allSatisfy { request in
                request.hasPrefix("POST /a/b?c HTTP/1.1\r\nHost: \(host)\r\n") && request.hasSuffix("\r\n\r\nx=A")
                    && request.contains("\r\nAccept: text/plain\r\n") && request.contains("\r\nContent-Length: 3\r\n")
            },
            "\(requests.all.first ?? "")"
        )
        #expect(requests.all.count == 20)
    }

    @Test("a response to HEAD has no body, whatever its length says")
    func head() throws {
        let server = SmallServer(overTCP: true) { client in
            while hear(client) != nil { say(client, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n") }
        }
        let run = try Bench.run("kept", "http://127.0.0.1:\(server.port)/", "--method", "HEAD", "--count", "20")
        #expect(run.status == 0, "\(run)")
        #expect(run.output.contains("opened 20 = answered 20"))
    }
}
