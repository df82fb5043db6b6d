//===----------------------------------------------------------------------===//
// Quartermaster: one question of smtpd, as it stands in the input
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Finds questions in the input, in place: lines of the form `name=value`, ended by an empty line, in any order. Names
/// that mean nothing here are passed over; of a repeated name the last value counts.
package struct PolicyRequest: Equatable, Sendable {
    /// When smtpd asks.
    package enum Stage: Equatable, Sendable {
        case recipient
        /// At DATA or at the end of the message: one question for a whole message.
        case message
        /// Any other moment.
        case other
    }

    /// Why a question is not answered by its contents.
    package enum Flaw: Equatable, Sendable {
        case notAQuestion
        case noAssignment
        case missing(StaticText)
    }

    package enum Parsing: Equatable, Sendable {
        /// More input is needed.
        case incomplete
        /// `size` bytes are dealt with.
        case whole(PolicyRequest, size: Int)
        case flawed(Flaw, size: Int)
    }

    /// Text that is part of the program.
    package struct StaticText: Equatable, Sendable, CustomStringConvertible {
        package let text: StaticString
        package var description: String { "\(text)" }
        package static func == (left: StaticText, right: StaticText) -> Bool { left.description == right.description }
    }

    // Where the values stand in the input.
    package var stage = Stage.other
    package var clientAddress = 0..<0
    package var clientName = 0..<0
    package var sender = 0..<0
    package var recipient = 0..<0
    package var instance = 0..<0
    package var user = 0..<0
    package var recipientCount = 0

    // Which of them were there: an empty sender is one, too.
    private var hasStage = false
    private var hasClient = false
    private var hasSender = false
    private var hasRecipient = false

    package init() {}

    package static func parse(_ input: borrowing RawSpan) -> Parsing {
        let newline = UInt8(ascii: "\n")
        var request = PolicyRequest()
        var isQuestion = false
        var hasNoise = false
        var start = 0
        while true {
            guard let end = input.firstPlace(of: newline, from: start) else { return .incomplete }
            if end == start { break }
            let line = input.extracting(start..<end)
            if let equals = line.firstPlace(of: UInt8(ascii: "=")) {
                let value = start + equals + 1..<end
                if line.holds("request=") {
                    isQuestion = input.extracting(value).isExactly("smtpd_access_policy")
                } else {
                    request.take(line.extracting(0..<equals), input.extracting(value), value)
                }
            } else {
                hasNoise = true
            }
            start = end + 1
        }
        if hasNoise { return .flawed(.noAssignment, size: start + 1) }
        if !isQuestion { return .flawed(.notAQuestion, size: start + 1) }
        if let name = request.missing { return .flawed(.missing(StaticText(text: name)), size: start + 1) }
        return .whole(request, size: start + 1)
    }

    /// By the first letter first: most of the two dozen names of a question are none of these.
    @inline(__always)
    private mutating func take(_ name: borrowing RawSpan, _ text: borrowing RawSpan, _ value: Range<Int>) {
        guard name.byteCount >= 6 else { return }
        switch name.rawByte(at: 0) {
        case UInt8(ascii: "c"):
            if name.isExactly("client_address") {
                clientAddress = value
                hasClient = true
            } else if name.isExactly("client_name") {
                clientName = value
            }
        case UInt8(ascii: "i"): if name.isExactly("instance") { instance = value }
        case UInt8(ascii: "p"):
            if name.isExactly("protocol_state") {
                stage = Stage(text)
                hasStage = true
            }
        case UInt8(ascii: "r"):
            if name.isExactly("recipient") {
                recipient = value
                hasRecipient = true
            } else if name.isExactly("recipient_count") {
                recipientCount = Self.number(text)
            }
        case UInt8(ascii: "s"):
            if name.isExactly("sender") {
                sender = value
                hasSender = true
            } else if name.isExactly("sasl_username") {
                user = value
            }
        default: break
        }
    }

    /// What every version of smtpd sends.
    private var missing: StaticString? {
        if !hasStage { return "protocol_state" }
        if !hasClient || clientAddress.isEmpty { return "client_address" }
        if !hasSender { return "sender" }
        return hasRecipient ? nil : "recipient"
    }

    /// As much as a number may be; nothing else is worth a complaint.
    private static func number(_ text: borrowing RawSpan) -> Int {
        var number = 0
        for index in 0..<min(text.byteCount, 9) {
            let byte = text.rawByte(at: index)
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return 0 }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }
}

extension PolicyRequest.Stage {
    fileprivate init(_ text: borrowing RawSpan) {
        if text.isExactly("RCPT") {
            self = .recipient
        } else if text.isExactly("END-OF-MESSAGE") || text.isExactly("DATA") || text.isExactly("BDAT") {
            self = .message
        } else {
            self = .other
        }
    }
}
