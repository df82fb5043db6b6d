//===----------------------------------------------------------------------===//
// Quartermaster: a log line, taken apart for the system's log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// `Mar 05 10:00:00 host ident[pid]: text`, as clients of this service send it: what the system's log wants to know of
/// it. Date and host it writes itself.
struct LoggedLine {
    let ident: String
    let text: String

    /// Nil when the line does not have four words before the ident.
    init?(_ line: String) {
        var rest = line.utf8[...]
        let space = UInt8(ascii: " ")
        for _ in 0..<4 {
            rest = rest.drop { $0 == space }
            if rest.isEmpty { return nil }
            rest = rest.drop { $0 != space }
        }
        rest = rest.drop { $0 == space }
        let name = rest.prefix { $0 != UInt8(ascii: ":") && $0 != space }
        guard !name.isEmpty else { return nil }
        rest = rest[name.endIndex...]
        if rest.first == UInt8(ascii: ":") { rest = rest.dropFirst() }
        // The sender of the line chose these bytes; a newline would begin a line of its own in the system's log.
        ident = String(decoding: name.map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
        text = String(decoding: rest.drop { $0 == space }, as: UTF8.self)
    }
}
