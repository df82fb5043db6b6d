//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes from a client of the control socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import MasterControl

/// Feeds any bytes, in pieces, to what reads a request, and checks: the pieces do not matter, a request that is taken
/// is written as a line that is taken for the same, and nothing longer than a request is kept. The same bytes as an
/// answer: what is read is written so that it is read again. The first byte says how long the pieces are. Built
/// with MasterControl by `scripts/fuzz control`.
@c(LLVMFuzzerTestOneInput)
public func fuzzControl(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let input = UnsafeBufferPointer(start: start, count: size)
    let bytes = Array(input.dropFirst())
    let length = Int(input[0]) + 1
    var whole = RequestLine()
    var pieces = RequestLine()
    let outcome = whole.take(bytes)
    var last = RequestLine.Outcome.unfinished
    var begin = 0
    while begin < bytes.count {
        let end = min(begin + length, bytes.count)
        last = pieces.take(bytes[begin..<end])
        precondition(pieces.room >= 0, "more than a line is kept")
        // What follows a line or a refusal is not read.
        if last == .tooLong || last == .surplus { break }
        begin = end
    }
    precondition((outcome == .tooLong) == (last == .tooLong), "long in one piece and short in many")
    if case .line(let line) = outcome {
        precondition(last == outcome, "another line in pieces")
        readRequest(line)
    }
    readRequest(bytes)
    readReply(String(decoding: bytes, as: UTF8.self))
    return 0
}

private func readRequest(_ line: [UInt8]) {
    guard let request = try? ControlRequest(line: line) else { return }
    precondition(line.count <= ControlRequest.longestLine, "a request that is too long")
    guard let again = try? ControlRequest(line: request.line) else { preconditionFailure("\(request) is refused") }
    precondition(again == request, "\(again) instead of \(request)")
}

private func readReply(_ line: String) {
    guard let reply = ControlReply(json: line) else { return }
    guard let again = ControlReply(json: reply.json) else { preconditionFailure("\(reply) is no answer") }
    precondition(again == reply, "\(again) instead of \(reply)")
}
