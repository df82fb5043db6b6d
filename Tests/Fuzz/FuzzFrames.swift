//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as messages of each framing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

@testable import ServiceBytes

/// Looks for messages in any bytes, with every framing: each ends, takes no more than there is, calls no prefix of a
/// message a longer or another one, and what is written from the content is read as the same. The first byte chooses
/// the framing. Built with ServiceBytes by `scripts/fuzz frames`.
@c(LLVMFuzzerTestOneInput)
public func fuzzFrames(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start, count: size).dropFirst())
    switch start[0] % 9 {
    case 0:
        check(LineFraming(limit: 40), bytes) { output, content in
            // A line that ends with CR loses it: it is taken for a part of the end.
            output.append(content)
            output.append("\r\n")
        }
    case 1: check(TerminatedFraming(limit: 40), bytes) { $0.append(terminated: $1) }
    case 2: check(NetstringFraming(limit: 40), bytes) { $0.append(netstring: $1) }
    case 3: check(LengthFraming(.oneByte, limit: 40), bytes) { $0.append(lengthPrefixed: $1, .oneByte) }
    case 4: check(LengthFraming(.twoBytes, limit: 40), bytes) { $0.append(lengthPrefixed: $1, .twoBytes) }
    case 5: check(LengthFraming(.fourBytes, limit: 40), bytes) { $0.append(lengthPrefixed: $1, .fourBytes) }
    case 6: check(LengthFraming(.varint, limit: 40), bytes) { $0.append(lengthPrefixed: $1, .varint) }
    case 7:
        check(AttributeFraming(.plain, limit: 200), bytes) { output, content in
            output.append(content)
            output.endAttributes(.plain)
        }
    default:
        check(AttributeFraming(.nullTerminated, limit: 200), bytes) { output, content in
            output.append(content)
            output.endAttributes(.nullTerminated)
        }
    }
    return 0
}

private func check(
    _ framing: some Framing,
    _ bytes: [UInt8],
    _ write: (inout OutputBuffer, RawSpan) -> Void
) {
    let whole = framing.next(in: bytes.span.bytes)
    if case .frame(let content, let size) = whole {
        precondition(size > 0 && size <= bytes.count, "more than there is")
        precondition(content.lowerBound >= 0 && content.upperBound <= size, "content outside of the message")
        precondition(content.count <= framing.limit, "longer than the limit")
        var output = OutputBuffer(capacity: 1000)
        write(&output, bytes.span.bytes.extracting(content))
        guard case .frame(let again, let length) = framing.next(in: output.bytes) else { fatalError("no message") }
        precondition(length == output.count, "not all that was written")
        precondition(output.bytes.extracting(again) == bytes.span.bytes.extracting(content), "another content")
    }
    for count in 0..<min(bytes.count, 300) {
        switch framing.next(in: bytes.span.bytes.extracting(0..<count)) {
        case .incomplete: continue
        case .frame(let content, let size): precondition(whole == .frame(content, size: size), "another message")
        case .malformed:
            guard case .malformed = whole else { fatalError("a prefix is malformed, and the whole is not") }
        }
    }
}
