//===----------------------------------------------------------------------===//
// Quartermaster: a script laid out for speed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// All bytes of a script in one array, and steps that are numbers only: running through it touches no reference count.
package struct CompiledScript: Sendable {
    package enum Kind: UInt8, Sendable { case nothing, exact, framed, smtp, http, httpHead }

    package struct Step: Sendable {
        var sendStart = 0
        var sendCount = 0
        var kind = Kind.nothing
        /// What the reply begins with.
        var beginStart = 0
        var beginCount = 0
        /// What a framed reply ends with.
        var endStart = 0
        var endCount = 0
    }

    package private(set) var bytes: [UInt8] = []
    package private(set) var steps: [Step] = []
    /// Where a new connection's first exchange begins to repeat, and where a repeated one ends.
    let repeatStart: Int
    let repeatEnd: Int
    /// Room that the longest awaited reply needs.
    private(set) var replyRoom = 256

    package init(_ script: Script) {
        repeatStart = script.opening.count
        repeatEnd = script.opening.count + script.exchange.count
        for step in script.opening + script.exchange + script.closing { append(step) }
    }

    private mutating func append(_ step: ScriptStep) {
        var compiled = Step()
        (compiled.sendStart, compiled.sendCount) = place(step.send)
        switch step.expect {
        case nil: break
        case .text(let pattern):
            compiled.kind = pattern.end == nil ? .exact : .framed
            (compiled.beginStart, compiled.beginCount) = place(pattern.beginning)
            (compiled.endStart, compiled.endCount) = place(pattern.end ?? [])
            replyRoom = max(replyRoom, pattern.beginning.count + (pattern.end?.count ?? 0) + 1024)
        case .smtp(let digits):
            compiled.kind = .smtp
            (compiled.beginStart, compiled.beginCount) = place(digits)
            replyRoom = max(replyRoom, 4096)
        case .http, .httpHead:
            compiled.kind = step.expect == .http ? .http : .httpHead
            replyRoom = max(replyRoom, 8192)
        }
        steps.append(compiled)
    }

    private mutating func place(_ text: [UInt8]) -> (start: Int, count: Int) {
        bytes += text
        return (bytes.count - text.count, text.count)
    }
}

/// How far what has arrived agrees with what was expected.
package enum Match: Equatable, Sendable {
    case incomplete, complete, wrong
    /// A head of HTTP, which says how to know the end.
    case head(ResponseHead)
}

extension CompiledScript {
    /// Compares `count` bytes of `buffer` from `start` on with what `step` awaits. The first `known` of them have been
    /// compared before, and were right as far as they went.
    @inline(__always)
    package func match(_ step: Step, _ buffer: [UInt8], start: Int, count: Int, known: Int) -> Match {
        switch step.kind {
        case .nothing: .wrong
        case .exact: matchExact(step, buffer, start, count, known)
        case .framed: matchFramed(step, buffer, start, count, known)
        case .smtp: matchSMTP(step, buffer, start, count)
        case .http: matchHTTP(buffer, start, count)
        case .httpHead: matchHTTP(buffer, start, count, hasBody: false)
        }
    }

    /// Whether the received bytes agree with `length` bytes of the script, from both offsets on.
    @inline(__always)
    private func agrees(_ buffer: [UInt8], _ at: Int, _ script: Int, _ length: Int) -> Bool {
        if length <= 0 { return true }
        let (received, wanted) = (buffer.span, bytes.span)
        var index = 0
        while index < length {
            if received[at + index] != wanted[script + index] { return false }
            index += 1
        }
        return true
    }

    private func matchExact(_ step: Step, _ buffer: [UInt8], _ start: Int, _ count: Int, _ known: Int) -> Match {
        let compared = min(known, step.beginCount)
        let length = min(count, step.beginCount) - compared
        if !agrees(buffer, start + compared, step.beginStart + compared, length) { return .wrong }
        return count == step.beginCount ? .complete : count < step.beginCount ? .incomplete : .wrong
    }

    private func matchFramed(_ step: Step, _ buffer: [UInt8], _ start: Int, _ count: Int, _ known: Int) -> Match {
        let compared = min(known, step.beginCount)
        let length = min(count, step.beginCount) - compared
        if !agrees(buffer, start + compared, step.beginStart + compared, length) { return .wrong }
        if count < max(step.beginCount + step.endCount, 1) { return .incomplete }
        return agrees(buffer, start + count - step.endCount, step.endStart, step.endCount) ? .complete : .incomplete
    }

    private func matchSMTP(_ step: Step, _ buffer: [UInt8], _ start: Int, _ count: Int) -> Match {
        if !agrees(buffer, start, step.beginStart, min(count, step.beginCount)) { return .wrong }
        guard count >= 5, buffer[start + count - 2] == 13, buffer[start + count - 1] == 10 else { return .incomplete }
        // The last line is the one whose code is not followed by a dash.
        var line = start + count - 2
        while line > start, buffer[line - 1] != 10 { line -= 1 }
        let length = start + count - 2 - line
        if length < 3 { return .wrong }
        if length > 3, buffer[line + 3] == UInt8(ascii: "-") { return .incomplete }
        return length == 3 || buffer[line + 3] == UInt8(ascii: " ") ? .complete : .wrong
    }
}
