//===----------------------------------------------------------------------===//
// Quartermaster: what is said in one exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// How a reply is known to be complete, and right.
package enum ReplyRule: Equatable, Sendable {
    case text(Pattern)
    /// Lines of an SMTP reply up to the last one (RFC 5321, 4.2), with a code that begins with these digits.
    case smtp([UInt8])
    /// A response of HTTP/1.x with a status below 400, up to the end that its head says: by Content-Length, in chunks,
    /// or when the peer closes.
    case http
    /// The same, of a response to HEAD, which has a head only.
    case httpHead
}

/// Something to say, something to hear, or first the one and then the other.
package struct ScriptStep: Equatable, Sendable {
    /// Empty: only listens.
    package var send: [UInt8]
    /// Nil: nothing is awaited.
    package var expect: ReplyRule?

    package init(send: [UInt8] = [], expect: ReplyRule? = nil) {
        self.send = send
        self.expect = expect
    }
}

/// The steps of a connection: what opens it, what makes up one exchange, and how one takes leave. Where every exchange
/// has a connection of its own, all three are the exchange; kept connections repeat the middle, and end without leave.
package struct Script: Equatable, Sendable {
    package var opening: [ScriptStep]
    package var exchange: [ScriptStep]
    package var closing: [ScriptStep]
    /// Datagrams and their replies are numbered.
    package var numbers: DatagramNumbers?

    package init(opening: [ScriptStep] = [], exchange: [ScriptStep], closing: [ScriptStep] = []) {
        self.opening = opening
        self.exchange = exchange
        self.closing = closing
    }

    /// One request and one reply, perhaps after a greeting.
    package init(greeting: Pattern? = nil, request: [UInt8] = [], reply: Pattern? = nil) {
        opening = greeting.map { [ScriptStep(expect: .text($0))] } ?? []
        exchange = request.isEmpty ? [] : [ScriptStep(send: request, expect: reply.map { .text($0) })]
        closing = []
    }

    package var awaitsAnything: Bool { (opening + exchange + closing).contains { $0.expect != nil } }
}
