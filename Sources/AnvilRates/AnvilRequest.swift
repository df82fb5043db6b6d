//===----------------------------------------------------------------------===//
// Quartermaster: one request to anvil, as it stands in the input
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import ServiceBytes

/// Finds requests in the plain attribute form, in place:
///
///     request=<name> LF ident=<text> LF LF
///
/// Both attributes have to be there, in this order. What is wrong is said; what it means is decided elsewhere.
package enum AnvilRequest: Equatable, Sendable {
    /// More input is needed.
    case incomplete
    /// The rest of the conversation cannot be understood.
    case malformed(String)
    /// `size` bytes are dealt with; the ident is at `ident`, inside of them.
    case whole(Kind, ident: Range<Int>, size: Int, extra: String?)

    package enum Kind: Equatable, Sendable {
        case connect, disconnect
        case count(Rate)
        case newTLSStatus
        case lookup
        case unknown(String)
    }

    package static func parse(_ input: RawSpan) -> AnvilRequest {
        let newline = UInt8(ascii: "\n")
        let request: Range<Int>
        switch input.attribute("request", at: 0, .plain) {
        case .value(let places): request = places
        case .incomplete: return .incomplete
        case .missing: return .malformed("missing attribute request in input")
        }
        let ident: Range<Int>
        switch input.attribute("ident", at: request.upperBound + 1, .plain) {
        case .value(let places): ident = places
        case .incomplete: return .incomplete
        case .missing: return .malformed("missing attribute ident in input")
        }
        let end = ident.upperBound + 1
        guard end < input.byteCount else { return .incomplete }
        let kind = Kind(input.extracting(request))
        if input.rawByte(at: end) == newline { return .whole(kind, ident: ident, size: end + 1, extra: nil) }
        // One attribute too many: its name is taken, and what follows is out of step.
        var name = end
        while name < input.byteCount, input.rawByte(at: name) != newline, input.rawByte(at: name) != UInt8(ascii: "=") {
            name += 1
        }
        guard name < input.byteCount else { return .incomplete }
        let extra = input.extracting(end..<name).text
        return .whole(kind, ident: ident, size: name + 1, extra: extra)
    }
}

extension AnvilRequest.Kind {
    init(_ name: borrowing RawSpan) {
        if name.isExactly("connect") {
            self = .connect
        } else if name.isExactly("disconnect") {
            self = .disconnect
        } else if name.isExactly("message") {
            self = .count(.message)
        } else if name.isExactly("recipient") {
            self = .count(.recipient)
        } else if name.isExactly("newtls") {
            self = .count(.newTLS)
        } else if name.isExactly("auth") {
            self = .count(.auth)
        } else if name.isExactly("newtls_status") {
            self = .newTLSStatus
        } else if name.isExactly("lookup") {
            self = .lookup
        } else {
            self = .unknown(name.text)
        }
    }
}
