//===----------------------------------------------------------------------===//
// Quartermaster: tests of requests on their way through the control socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterControl
import MasterProtocol
import Testing

@Suite("Requests") struct RequestTests {
    static let requests: [ControlRequest] = [
        .reload(all: false), .reload(all: true), .check, .version, .upgrade(program: nil),
        .upgrade(program: "/usr/sbin/a=b"), .verbose(true),
        .verbose(false), .stop(timeoutSeconds: nil),
        .stop(timeoutSeconds: 0), .stop(timeoutSeconds: ControlRequest.longestTimeout),
        .drain(nil, .init()), .drain(nil, .init(timeoutSeconds: 30, refuses: true)),
        .drain(ServiceReference("smtp/inet"), .init(refuses: true)),
        .drain(ServiceReference(name: "[::1]:25", type: .inet), .init(timeoutSeconds: 1)),
        .resume(nil), .resume(ServiceReference("/tmp/socket/unix-dgram")), .release(ServiceReference("smtp")),
        .retire(ServiceReference("a=b")), .disable(ServiceReference(name: "\u{F7FC}x", type: .pass)),
        .enable(ServiceReference("x/y")),
    ]

    @Test("what is written is read back", arguments: requests)
    func roundTrip(_ request: ControlRequest) throws {
        #expect(try ControlRequest(line: request.line) == request)
        #expect(!request.line.contains(UInt8(ascii: "\n")))
    }

    @Test("every verb is among the requests that are tried")
    func complete() { #expect(Set(Self.requests.map(\.verb)) == Set(ControlRequest.Verb.allCases)) }

    @Test(
        "what is no request is refused with its reason",
        arguments: [
            ("", "the request is empty"), ("   ", "the request is empty"), ("reboot", "unknown request \"reboot\""),
            ("RELOAD", "unknown request \"RELOAD\""), ("reload now", "reload: unexpected \"now\""),
            ("release", "release needs a service"), ("release timeout=3", "release needs a service"),
            ("release a b", "release: unexpected \"b\""), ("drain a b", "drain: unexpected \"b\""),
            ("drain timeout=1 timeout=2", "timeout is there twice"),
            ("drain timeout=-1", "timeout is a number of seconds, at most 86400"),
            ("drain timeout=", "timeout is a number of seconds, at most 86400"),
            ("drain timeout=86401", "timeout is a number of seconds, at most 86400"),
            ("drain timeout=99999999999999999999", "timeout is a number of seconds, at most 86400"),
            ("drain refuse=maybe", "\"maybe\" is neither yes nor no"), ("verbose", "\"\" is neither on nor off"),
            ("stop refuse=yes", "stop knows no refuse"), ("drain\tx", "the request has control characters"),
            (String(repeating: "x", count: 1025), "the request is too long"),
        ]
    )
    func refusal(_ line: String, _ reason: String) {
        let problem = #expect(throws: RequestProblem.self) { try ControlRequest(line: Array(line.utf8)) }
        #expect(problem?.text == reason)
    }

    @Test("a type behind the last slash tells services apart; any other slash belongs to the name")
    func references() {
        #expect(ServiceReference("smtp/inet") == ServiceReference(name: "smtp", type: .inet))
        #expect(ServiceReference("log/unix-dgram") == ServiceReference(name: "log", type: .unixDatagram))
        #expect(ServiceReference("a/b") == ServiceReference(name: "a/b"))
        #expect(ServiceReference("/inet") == ServiceReference(name: "/inet"))
        #expect(ServiceReference("a/inet/unix").text == "a/inet/unix")
    }

    @Test("a line comes in any pieces, and nothing behind it is taken")
    func pieces() {
        for cut in 0...7 {
            var line = RequestLine()
            let bytes = Array("reload\n".utf8)
            let first = line.take(bytes[..<cut])
            if cut < 7 {
                #expect(first == .unfinished)
                #expect(line.take(bytes[cut...]) == .line(Array("reload".utf8)))
            } else {
                #expect(first == .line(Array("reload".utf8)))
            }
            #expect(line.take([1]) == .surplus)
        }
        var line = RequestLine()
        #expect(line.take(Array("reload\ncheck\n".utf8)) == .surplus)
    }

    @Test("a line has an end: 1024 bytes are taken, one more is not")
    func length() {
        let longest = [UInt8](repeating: 0x61, count: ControlRequest.longestLine)
        var fits = RequestLine()
        #expect(fits.take(longest) == .unfinished)
        #expect(fits.room == 1)
        #expect(fits.take([0x0a]) == .line(longest))
        var tooLong = RequestLine()
        #expect(tooLong.take(longest + [0x61]) == .tooLong)
        var withNewline = RequestLine()
        #expect(withNewline.take(longest + [0x61, 0x0a]) == .tooLong)
    }
}
