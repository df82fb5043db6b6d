//===----------------------------------------------------------------------===//
// Quartermaster: the body of a response while it comes in
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Where the body of a response of HTTP stands: its bytes are counted, not kept.
struct ResponseBody: Sendable {
    private var framing: ResponseHead.Body
    private var chunks = ChunkedBody()

    init(_ framing: ResponseHead.Body) { self.framing = framing }

    /// The end of the connection is the end of the body.
    var endsWithConnection: Bool { framing == .untilClose }

    /// Goes through the next `count` bytes of `buffer`.
    mutating func take(_ buffer: [UInt8], from start: Int, count: Int) -> ChunkedBody.Progress {
        switch framing {
        case .length(let left):
            if count > left { return .wrong }
            framing = .length(left - count)
            return count == left ? .complete : .incomplete
        case .chunked: return chunks.take(buffer, from: start, count: count)
        case .untilClose: return .incomplete
        }
    }
}
