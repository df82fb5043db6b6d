//===----------------------------------------------------------------------===//
// Quartermaster: the worker that answers over HTTP
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct HTTPAnswerTests {
    /// A server and what it needs to live.
    private struct Stage {
        let room: ServerRoom
        let child: ServerChild

        init() throws {
            room = try ServerRoom()
            let listener = try room.unixListener()
            child = try ServerChild("http-answer", ["-t", "unix"], room: room, listeners: [listener.number])
        }
    }

    private static let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

    /// An answer, the present date blanked out.
    private static func answer(_ connection: String) -> String {
        "HTTP/1.1 200 OK\r\nServer: http-answer\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
            + "Connection: \(connection)\r\n\r\nok\n"
    }

    private static func refusal(_ status: String) -> String {
        "HTTP/1.1 \(status)\r\nServer: http-answer\r\nDate: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    }

    /// The date has always the same length.
    private static let dateSize = "Sun, 06 Nov 1994 08:49:37 GMT".utf8.count
    private static func size(_ text: String) -> Int { text.utf8.count + dateSize - 1 }

    private static func undated(_ text: String) -> String {
        text.replacing(#/Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/#, with: "Date: *")
    }

    private func expectAnswers(_ text: String, _ expected: [String], closes: Bool, _ stage: Stage) throws {
        let client = try stage.room.connect()
        try client.send(text)
        let size = expected.reduce(0) { $0 + Self.size($1) }
        #expect(Self.undated(try client.receive(size)) == expected.joined())
        if closes { #expect(client.isDisconnected()) }
        #expect(stage.child.isRunning)
    }

    @Test("a connection stays for the next request")
    func connectionStays() throws {
        let stage = try Stage()
        let client = try stage.room.connect()
        let kept = Self.answer("keep-alive")
        for _ in 0..<3 { #expect(Self.undated(try client.exchange(Self.get, Self.size(kept))) == kept) }
    }

    @Test("requests in one go are answered in order")
    func requestsInOneGo() throws {
        let kept = Self.answer("keep-alive")
        let last = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let text = Self.get + "\r\n" + Self.get + last + Self.get
        try expectAnswers(text, [kept, kept, Self.answer("close")], closes: true, try Stage())
    }

    @Test("a request in pieces is one request")
    func requestInPieces() throws {
        let stage = try Stage()
        let client = try stage.room.connect()
        let kept = Self.answer("keep-alive")
        for piece in ["GET / HT", "TP/1.1\r", "\nHost: x\r\n", "\r"] {
            try client.send(piece)
            // An answer to another client in the meantime shows that the piece was read.
            #expect(Self.undated(try stage.room.connect().exchange(Self.get, Self.size(kept))) == kept)
        }
        #expect(Self.undated(try client.exchange("\n", Self.size(kept))) == kept)
    }

    @Test(
        "the client says whether it stays",
        arguments: [
            ("GET / HTTP/1.1\r\nhOsT: a\r\nCONNECTION: Keep-Alive , CLOSE\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", false),
            ("GET / HTTP/1.1\nHost: a\n\n", false),
            ("GET / HTTP/1.0\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false),
        ]
    )
    func clientDecides(_ text: String, closes: Bool) throws {
        let expected = closes ? Self.answer("close") : Self.answer("keep-alive")
        try expectAnswers(text, [expected], closes: closes, try Stage())
    }

    @Test(
        "what is no request is refused and the connection ends",
        arguments: [
            ("nonsense\r\n\r\n", "400 Bad Request"),
            ("GET /\r\nHost: a\r\n\r\n", "400 Bad Request"),
            ("GET  HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: \0\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "400 Bad Request"),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Bad Request"),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed\r\nAllow: GET"),
        ]
    )
    func noRequest(_ text: String, status: String) throws {
        let refusal =
            "HTTP/1.1 \(status)\r\nServer: http-answer\r\nDate: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        try expectAnswers(text, [refusal], closes: true, try Stage())
    }

    @Test("a head that is too long is refused", arguments: [4096, 5000])
    func longHead(_ size: Int) throws {
        let status = "431 Request Header Fields Too Large"
        let refusal =
            "HTTP/1.1 \(status)\r\nServer: http-answer\r\nDate: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        try expectAnswers(
            text + String(repeating: "x", count: size - text.utf8.count),
            [refusal],
            closes: true,
            try Stage()
        )
    }

    @Test("a head of the largest size is answered")
    func largestHead() throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX: "
        let end = "\r\n\r\n"
        let filling = String(repeating: "x", count: 4096 - text.utf8.count - end.utf8.count)
        try expectAnswers(text + filling + end, [Self.answer("keep-alive")], closes: false, try Stage())
    }

    @Test("the date is that of today")
    func date() throws {
        let stage = try Stage()
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss"
        let before = Int(Date().timeIntervalSince1970)
        let text = try stage.room.connect().exchange(Self.get, Self.size(Self.answer("keep-alive")))
        let after = Int(Date().timeIntervalSince1970)
        // Written once a second, of a second that may have begun before the request.
        let possible = (before - 1...after).map { format.string(from: Date(timeIntervalSince1970: Double($0))) }
        #expect(possible.contains { text.contains("Date: \($0) GMT\r\n") }, "\(text)")
    }
}
