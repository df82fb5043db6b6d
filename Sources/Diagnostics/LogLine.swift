//===----------------------------------------------------------------------===//
// Quartermaster: the exact shape of a log line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Builds the lines of the log: limited, sanitised and dated as every reader of a Postfix log expects.
enum LogLine {
    /// Bytes kept of a message's text.
    static let longestText = 2000
    /// syslog(3) LOG_MAIL.
    static let mailFacility: Int32 = 2 << 3

    /// `ident[pid]: severity: text`. An ident that holds a `[` brings its own process id; it may be another process's,
    /// and is sanitised as the text is.
    static func body(ident: String, pid: Int32, _ severity: Severity, _ text: String) -> String {
        let name = sanitised(ident)
        let tag = name.utf8.contains(UInt8(ascii: "[")) ? name : "\(name)[\(pid)]"
        return "\(tag): \(severity.prefix)\(sanitised(text))"
    }

    /// `Mar 05 10:00:00 host ` before the body: postlog datagrams and log files.
    static func postlog(host: String, _ body: String) -> String {
        "\(Clock.format(Clock.secondsSince1970(), as: "%b %d %H:%M:%S")) \(host) \(body)"
    }

    /// `<22>Mar  5 10:00:00 ` before the body: syslog(3) on the local socket.
    static func syslog(facility: Int32, _ severity: Severity, _ body: String) -> String {
        let priority = Int(facility) | severity.syslogLevel
        return "<\(priority)>\(Clock.format(Clock.secondsSince1970(), as: "%b %e %H:%M:%S")) \(body)"
    }

    /// The first label of a host name; `amnesiac` when there is none.
    static func shortHost(_ name: String?) -> String {
        guard let name, !name.isEmpty else { return "amnesiac" }
        return String(name.prefix { $0 != "." })
    }

    /// At most `longestText` bytes. Control characters, and what could not be read as UTF-8, become `?`; other text
    /// stays as it is, in whatever language.
    static func sanitised(_ text: String) -> String {
        if text.utf8.count <= longestText, text.utf8.allSatisfy({ (32..<127).contains($0) }) { return text }
        var kept = String.UnicodeScalarView()
        var left = longestText
        for scalar in text.unicodeScalars {
            let shown = isPrintable(scalar) ? scalar : "?"
            left -= UTF8.width(shown)
            if left < 0 { break }
            kept.append(shown)
        }
        return String(kept)
    }

    /// C0, DEL and C1 steer terminals; U+FFFD stands where bytes were no UTF-8.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // The last range stands for bytes that are no UTF-8 (`ByteText`).
        case 0..<32, 127..<160, 0xFFFD, 0xF780...0xF7FF: false
        default: true
        }
    }
}
