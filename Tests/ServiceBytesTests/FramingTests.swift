//===----------------------------------------------------------------------===//
// Quartermaster: tests of framings: what was written is read again, in pieces of every length
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ServiceBytes

/// The messages that a framing finds in `stream` when it comes in pieces of `piece` bytes, and what was wrong then.
private func messages(
    _ stream: [UInt8],
    _ framing: some Framing,
    pieces piece: Int
) -> (found: [[UInt8]], problem: FrameProblem?, rest: Int) {
    var found: [[UInt8]] = []
    var kept: [UInt8] = []
    var next = 0
    while true {
        switch framing.next(in: kept.span.bytes) {
        case .frame(let content, let size):
            found.append(Array(kept[content]))
            kept.removeFirst(size)
            if !kept.isEmpty { continue }
        case .malformed(let problem): return (found, problem, kept.count)
        case .incomplete: break
        }
        if next == stream.count { return (found, nil, kept.count) }
        kept += stream[next..<min(next + piece, stream.count)]
        next = min(next + piece, stream.count)
    }
}

/// What `body` writes.
private func stream(_ body: (inout OutputBuffer) -> Void) -> [UInt8] {
    var output = OutputBuffer(capacity: 100_000)
    body(&output)
    expect(!output.isOverfull)
    return (0..<output.count).map { output.bytes[$0] }
}

private let texts = ["", "a", "hello", "a:b,c", String(repeating: "x", count: 300)].map { Array($0.utf8) }

@Suite struct FramingTests {
    private func check(_ framing: some Framing, _ write: (inout OutputBuffer, RawSpan) -> Void) {
        let bytes = stream { output in
            for text in texts { write(&output, text.span.bytes) }
        }
        for piece in [1, 2, 3, 4, 5, 7, 11, 64, bytes.count] {
            let result = messages(bytes, framing, pieces: piece)
            expect(result.found == texts, "pieces of \(piece)")
            expect(result.problem == nil)
            expect(result.rest == 0)
        }
        // However it is cut off, a whole prefix is no message less and no message more.
        for size in 0..<bytes.count {
            let result = messages(Array(bytes[..<size]), framing, pieces: size + 1)
            expect(result.problem == nil)
            expect(result.found == Array(texts.prefix(result.found.count)))
        }
    }

    @Test("lines") func lines() {
        check(LineFraming(limit: 300)) { output, text in
            output.append(text)
            output.append("\n")
        }
        check(LineFraming(limit: 300)) { output, text in
            output.append(text)
            output.append("\r\n")
        }
    }

    @Test("messages that end with a NUL") func terminated() {
        check(TerminatedFraming(limit: 300)) { $0.append(terminated: $1) }
    }

    @Test("netstrings") func netstrings() { check(NetstringFraming(limit: 300)) { $0.append(netstring: $1) } }

    @Test("messages behind their length", arguments: [LengthFraming.Width.twoBytes, .fourBytes, .varint])
    func lengths(_ width: LengthFraming.Width) {
        check(LengthFraming(width, limit: 300)) { $0.append(lengthPrefixed: $1, width) }
    }

    @Test("a length of one byte reaches to 255")
    func oneByte() {
        let text = [UInt8](repeating: 7, count: 255)
        let bytes = stream { $0.append(lengthPrefixed: text.span.bytes, .oneByte) }
        expect(bytes.count == 256)
        expect(messages(bytes, LengthFraming(.oneByte, limit: 255), pieces: 9).found == [text])
    }

    @Test("a message above the limit is refused as soon as that is known, and one at the limit is not")
    func limits() {
        func result(_ framing: some Framing, _ text: String) -> Framed { with(text) { framing.next(in: $0) } }
        expect(result(LineFraming(limit: 3), "abc") == .incomplete)
        expect(result(LineFraming(limit: 3), "abc\r") == .incomplete)
        expect(result(LineFraming(limit: 3), "abc\r\n") == .frame(0..<3, size: 5))
        expect(result(LineFraming(limit: 3), "abcd") == .malformed(.tooLong))
        expect(result(LineFraming(limit: 3), "abcd\n") == .malformed(.tooLong))
        expect(result(LineFraming(limit: 0), "\n") == .frame(0..<0, size: 1))
        expect(result(TerminatedFraming(limit: 3), "abc") == .incomplete)
        expect(result(TerminatedFraming(limit: 3), "abcd") == .malformed(.tooLong))
        expect(result(TerminatedFraming(limit: 3), "abc\0") == .frame(0..<3, size: 4))
        expect(result(NetstringFraming(limit: 30), "30:") == .incomplete)
        expect(result(NetstringFraming(limit: 30), "31") == .malformed(.tooLong))
        expect(result(NetstringFraming(limit: 30), "99999999999999999999999") == .malformed(.tooLong))
        expect(result(NetstringFraming(limit: .max), "99999999999999999999999") == .malformed(.tooLong))
        expect(result(NetstringFraming(limit: .max), "9223372036854775808") == .malformed(.tooLong))
        expect(result(LengthFraming(.fourBytes, limit: 3), "\0\0\0\u{3}") == .incomplete)
        expect(result(LengthFraming(.fourBytes, limit: 3), "\0\0\0\u{4}") == .malformed(.tooLong))
        expect(result(AttributeFraming(.plain, limit: 4), "a=b\n") == .incomplete)
        expect(result(AttributeFraming(.plain, limit: 4), "a=b\n\n") == .frame(0..<4, size: 5))
        expect(result(AttributeFraming(.plain, limit: 4), "a=bcd") == .malformed(.tooLong))
        expect(result(AttributeFraming(.plain, limit: 4), "a=bc\n\n") == .malformed(.tooLong))
    }

    @Test("what is no message is called so")
    func malformed() {
        for text in [":", "a", "-1:", "01:x,", "00:,", "1 :x,", "1;"] {
            expect(with(text) { NetstringFraming(limit: 9).next(in: $0) } == .malformed(.noLength), "\(text)")
        }
        expect(with("1:ab") { NetstringFraming(limit: 9).next(in: $0) } == .malformed(.noEnd))
        expect(with("0:,") { NetstringFraming(limit: 9).next(in: $0) } == .frame(2..<2, size: 3))
        let endless = [UInt8](repeating: 0x80, count: 9)
        expect(LengthFraming(.varint, limit: 9).next(in: endless.span.bytes) == .malformed(.noLength))
        expect(LengthFraming(.varint, limit: 9).next(in: endless.span.bytes.extracting(0..<8)) == .incomplete)
        expect(with("a=b\nno\n\n") { AttributeFraming(.plain, limit: 99).next(in: $0) } == .malformed(.noEnd))
    }
}
