//===----------------------------------------------------------------------===//
// Quartermaster: tests of answers on their way through the control socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterControl
import Testing

@Suite("Answers") struct ReplyTests {
    @Test(
        "what is written is one line, and is read back",
        arguments: [
            ControlReply.problem(.init(.fatal, "bad \"word\" \\ here", file: "/etc/x", line: 7, cure: "Mend it.")),
            .problem(.init(.warning, "a line\nand another\ttab\u{1b}[31m \u{7f}\u{9b}")), .problem(.init(.info, "")),
            .change(.added, service: "smtp/inet"), .change(.removed, service: "\u{F7FC}"),
            .change(.changed, service: "ü😀"), .progress("3 processes are still at work"), .result(.ok, "done"),
            .result(.refused, "no"), .result(.failed, "2 were cut off"),
        ]
    )
    func roundTrip(_ reply: ControlReply) {
        #expect(ControlReply(json: reply.json) == reply)
        #expect(reply.json.unicodeScalars.allSatisfy { $0.value >= 32 && !(127..<160 ~= $0.value) })
    }

    @Test("the exact form, on which scripts rely")
    func form() {
        let problem = ControlReply.problem(.init(.warning, "odd", file: "/etc/main.cf", line: 3, cure: "Mend \"it\"."))
        #expect(
            problem.json
                == #"{"type":"problem","severity":"warning","file":"/etc/main.cf","line":3,"text":"odd","cure":"Mend \"it\"."}"#
        )
        #expect(
            ControlReply.change(.added, service: "a/unix").json
                == #"{"type":"change","change":"added","service":"a/unix"}"#
        )
        #expect(ControlReply.progress("x\u{1}").json == #"{"type":"progress","text":"x\u0001"}"#)
        #expect(ControlReply.result(.ok, "done").json == #"{"type":"result","status":"ok","text":"done"}"#)
    }

    @Test("other writers' JSON is read, unknown fields are passed over")
    func leniency() {
        let line = #" { "type" : "result" , "status":"ok", "new":null, "n":-5, "text":"\u00fc\ud83d\ude00\/\b" } "#
        #expect(ControlReply(json: line) == .result(.ok, "ü😀/\u{8}"))
    }

    @Test(
        "lines come in whatever pieces; one that is longer than any of master's is dropped, and those behind it are not"
    )
    func lines() {
        var lines = ReplyLines()
        #expect(lines.take(Array("one\ntw".utf8)) == ["one"])
        #expect(lines.take(Array("o\n\n".utf8)) == ["two", ""])
        let longest = [UInt8](repeating: 0x78, count: ReplyLines.longestLine)
        #expect(lines.take(longest) == [])
        #expect(lines.take(Array("\n".utf8)).map(\.utf8.count) == [ReplyLines.longestLine])
        for _ in 0..<3 { #expect(lines.take(longest) == []) }
        #expect(lines.take(Array("\nthree\n".utf8)) == ["three"])
    }

    @Test(
        "what is no answer is none",
        arguments: [
            "", "{", "{}", "[]", "{\"type\":\"result\"}", #"{"type":"result","status":"fine","text":"x"}"#,
            #"{"type":"progress","text":"x"} x"#, #"{"type":"progress","text":"x",}"#,
            #"{"type":"progress","text":"x","text":"y"}"#, #"{"type":"progress","text":"\ud800"}"#,
            #"{"type":"progress","text":"\q"}"#, #"{"type":"progress","text":"x"#, #"{"type":"progress","text":5}"#,
            #"{"type":"progress","text":{}}"#, "{\"type\":\"progress\",\"text\":\"a\nb\"}",
        ]
    )
    func nonsense(_ line: String) { #expect(ControlReply(json: line) == nil) }
}
