//===----------------------------------------------------------------------===//
// Quartermaster: the exact shape of a log line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Builds the lines of the log: limited, sanitised and dated as every reader of a Postfix log expects.
enum LogLine {
    /// Bytes kept of a message's text.
    static let longestText = 2000

    /// `ident[pid]: severity: text`. An ident that holds a `[` brings its own process id.
    static func body(ident: String, pid: Int32, _ severity: Severity, _ text: String) -> String {
        let tag = ident.utf8.contains(UInt8(ascii: "[")) ? ident : "\(ident)[\(pid)]"
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

    /// At most `longestText` bytes; everything that is not printable ASCII becomes `?`.
    static func sanitised(_ text: String) -> String {
        let bytes = text.utf8.prefix(longestText).map { (32..<127).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
