//===----------------------------------------------------------------------===//
// Quartermaster: heads and bodies of HTTP responses, and the servers that send them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import Testing

@Suite("heads of HTTP responses")
struct ResponseHeadTests {
    /// As if the text stood in the middle of a buffer.
    private func match(_ text: String) -> Match {
        let script = CompiledScript(Preset.http.script(size: 0))
        let buffer = [1, 2] + Array(text.utf8) + [0]
        return script.match(script.steps[0], buffer, start: 2, count: text.utf8.count, known: 0)
    }

    private func head(_ text: String) throws -> ResponseHead {
        let match = match(text)
        guard case .head(let head) = match else { throw Unexpected(description: "\(match)") }
        return head
    }

    private struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    @Test(
        "the end is where the fields say",
        arguments: [
            ("Content-Length: 2", ResponseHead.Body.length(2)), ("content-LENGTH:\t70000  ", .length(70000)),
            ("Content-Length: 0", .length(0)), ("Content-Length: 7\r\nContent-Length: 7", .length(7)),
            ("Transfer-Encoding: chunked", .chunked), ("transfer-ENCODING:CHUNKED ", .chunked),
            ("Transfer-Encoding: gzip, chunked", .chunked),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", .chunked),
            ("Transfer-Encoding: gzip", .untilClose), ("Transfer-Encoding: chunkedx", .untilClose),
            ("X-Content-Length: 5", .untilClose), ("Server: small", .untilClose),
        ]
    )
    func bodies(fields: String, body: ResponseHead.Body) throws {
        let text = "HTTP/1.1 200 OK\r\nServer: x\r\n\(fields)\r\n\r\n"
        #expect(try head(text + "ab").body == body)
        #expect(try head(text).length == text.utf8.count)
    }

    @Test(
        "whether the connection stays",
        arguments: [
            ("HTTP/1.1", "X: y", false), ("HTTP/1.1", "Connection: close", true),
            ("HTTP/1.1", "connection: x, Close", true), ("HTTP/1.1", "Connection: keep-alive", false),
            ("HTTP/1.1", "Connection: closed", false), ("HTTP/1.0", "X: y", true),
            ("HTTP/1.0", "Connection: Keep-Alive", false), ("HTTP/1.1", "Connection: close, x", true),
        ]
    )
    func closing(version: String, field: String, closes: Bool) throws {
        #expect(try head("\(version) 200 OK\r\nContent-Length: 1\r\n\(field)\r\n\r\n").closes == closes)
    }

    @Test("no body where there never is one", arguments: [204, 304])
    func empty(status: Int) throws {
        #expect(try head("HTTP/1.1 \(status) X\r\nContent-Length: 7\r\n\r\n").body == .length(0))
    }

    @Test("interim responses are passed over")
    func interim() throws {
        let text = "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Go\r\n\r\n"
        #expect(match(text) == .incomplete)
        let whole = text + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        #expect(try head(whole) == ResponseHead(body: .length(3), length: whole.utf8.count))
    }

    @Test(
        "what is no response, or one that went wrong",
        arguments: [
            "SSH-2.0", "HTTP/2 200", "HTTP/1.1 404 No\r\n", "HTTP/1.1 5", "HTTP/1.1 2x0 OK\r\n", "HTTP/1.1x200 OK\r\n",
            "HTTP/1.1 101 Other\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]
    )
    func wrong(text: String) {
        #expect(match(text) == .wrong)
    }

    @Test("each part of a head is incomplete")
    func incomplete() {
        let bytes = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for count in bytes.indices {
            #expect(match(String(decoding: bytes[..<count], as: UTF8.self)) == .incomplete, "\(count)")
        }
    }
}

@Suite("chunked bodies")
struct ChunkedBodyTests {
    /// All of it at once, and byte by byte, which has to be the same.
    private func take(_ text: String) -> ChunkedBody.Progress {
        let bytes = Array(text.utf8)
        var (whole, single) = (ChunkedBody(), ChunkedBody())
        let atOnce = whole.take(bytes, from: 0, count: bytes.count)
        var oneByOne = ChunkedBody.Progress.incomplete
        for index in bytes.indices where oneByOne != .wrong {
            oneByOne = single.take(bytes, from: index, count: 1)
        }
        #expect(atOnce == oneByOne, "\(text.prefix(80))")
        return atOnce
    }

    @Test(
        "complete",
        arguments: [
            "0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "a\r\n0123456789\r\nB\r\n0123456789a\r\n000\r\n\r\n",
            "2;name=value;x=\"y\"\r\n\r\n\r\n0\r\n\r\n", "1 \r\nx\r\n0\r\n\r\n",
            "1\r\nx\r\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\n",
        ]
    )
    func complete(text: String) {
        #expect(take(text) == .complete)
        #expect(take(String(text.dropLast())) == .incomplete)
        #expect(take(text + "x") == .wrong)
    }

    @Test(
        "malformed",
        arguments: [
            "\r\n", "x\r\n", "-1\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nab\r\n\r\n", "3\rx", "3\r\nabc\n",
            "0\r\n\n",
            "0\r\n\rx", "0\r\nTrailer\n", "1;a\nb", "0x3\r\nabc", "FFFFFFFFFFFFFFFFF\r\n", "10000000000000000\r\n",
        ]
    )
    func malformed(text: String) {
        #expect(take(text) == .wrong)
    }

    @Test("extensions and trailers have an end")
    func smallPrint() {
        let long = String(repeating: "x", count: ChunkedBody.mostSmallPrint)
        #expect(take("0;" + long + "x") == .wrong)
        #expect(take("0;" + long + "\r\n\r\n") == .complete)
        #expect(take("0\r\n" + long + "x\r\n\r\n") == .wrong)
        #expect(take("0\r\n" + long + "\r\n\r\n") == .complete)
    }
}

@Suite("HTTP servers")
struct HTTPTests {
    /// A run of 40 exchanges against a server that answers every request with these pieces, one write for each.
    private func report(
        _ shape: LoadShape,
        _ pieces: [String],
        pause: UInt32 = 0,
        closes: Bool = false
    ) throws -> RunReport {
        let server = SmallServer(overTCP: true) { client in
            while hear(client) != nil {
                for (index, piece) in pieces.enumerated() {
                    if index > 0, pause > 0 { usleep(pause) }
                    say(client, piece)
                }
                if closes { return }
            }
        }
        let script = Preset.http.script(size: 0, keepsConnections: shape == .kept)
        return try load(shape, Target(tcp: "127.0.0.1:\(server.port)"), script)
    }

    @Test("in chunks, on connections that close or stay", arguments: [LoadShape.storm, .kept])
    func chunked(shape: LoadShape) throws {
        let pieces = [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "lo\r", "\n1",
            "0;x\r\n0123456789abcdef\r\n0\r\n",
            "T: 1\r\n\r\n",
        ]
        let report = try report(shape, pieces, pause: 1000)
        #expect(report.ledger.isClean && report[.answered] == 40, "\(report)")
        #expect(report.ledger.connections == (shape == .kept ? 4 : 40))
    }

    @Test("chunks that are larger than any buffer here")
    func largeChunks() throws {
        let chunk = "186a0\r\n" + String(repeating: "\r\n0\r\n", count: 20_000) + "\r\n"
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n"
        let report = try report(.kept, [text])
        #expect(report.ledger.isClean && report[.answered] == 40, "\(report)")
        #expect(report.ledger.connections == 4)
    }

    @Test("a malformed chunk is a wrong reply, and shows what it was")
    func malformed() throws {
        let report = try report(
            .storm,
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "oops\r\n"],
            pause: 5000
        )
        #expect(report[.wrongReply] == 40, "\(report)")
        #expect(report.firstProblem?.contains("oops") == true, "\(report)")
    }

    @Test("an end in the middle of the chunks is a short reply")
    func short() throws {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        let report = try report(.storm, [text], closes: true)
        #expect(report[.shortReply] == 40, "\(report)")
    }

    @Test(
        "a server that says that it closes is believed: the next exchange has a new connection",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nok",
        ]
    )
    func closing(text: String) throws {
        let report = try report(.kept, [text], closes: true)
        #expect(report.ledger.isClean && report[.answered] == 40, "\(report)")
        #expect(report.ledger.connections == 40)
    }

    @Test("a head that does not end is a wrong reply")
    func endless() throws {
        let report = try report(.storm, ["HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 20_000)])
        #expect(report[.wrongReply] == 40, "\(report)")
    }
}
