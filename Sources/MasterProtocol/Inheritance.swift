//===----------------------------------------------------------------------===//
// Quartermaster: numbers and names a child inherits
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Where a child finds what it inherits; nothing else is open when it starts.
package enum InheritedDescriptor {
    /// Read end of the token pipe that slows producers down; non-blocking, shared by all processes.
    package static var flowRead: Int32 { 3 }
    /// Write end of the token pipe; non-blocking, shared by all processes.
    package static var flowWrite: Int32 { 4 }
    /// Child side of the status channel; blocking; readable means that master is gone or no longer interested.
    package static var status: Int32 { 5 }
    /// First listening endpoint; further ones follow without a gap; non-blocking.
    package static var firstListener: Int32 { 6 }
}

/// How a child knows that its master is ours, and which promises therefore hold: ours looks for clients that wait
/// beside idle processes. Nothing else that a child can see differs from what Postfix's master hands out.
package enum StatusChannelMark {
    /// `SO_PRIORITY` (socket(7)) of the children's end of the status channel. The kernel's default is 0.
    package static var socketPriority: Int32 { 6 }
}

/// Names in the environment that master and its children agree on.
package enum EnvironmentName: String, CaseIterable, Sendable {
    /// Directory of main.cf and master.cf, when it is not the default.
    case mailConfig = "MAIL_CONFIG"
    /// Its presence turns verbose logging on; does not reach children.
    case mailVerbose = "MAIL_VERBOSE"
    /// Its presence makes a process run the debugger command.
    case mailDebug = "MAIL_DEBUG"
    /// First part of every log ident, the value of `syslog_name`.
    case mailLogTag = "MAIL_LOGTAG"
    /// The child's own number, in octal.
    case generation = "GENERATION"
    /// Absolute path of the socket that takes log lines, only with `maillog_file`.
    case postlogService = "POSTLOG_SERVICE"
    /// Host name to put into log lines, only with `maillog_file`.
    case postlogHostname = "POSTLOG_HOSTNAME"
}

/// Kinds of endpoint, by the names that master.cf and the `-t` option use.
package enum Transport: String, CaseIterable, Hashable, Sendable {
    case inet
    case unix
    case unixDatagram = "unix-dgram"
    case fifo
    case pass
    /// Of our master only: Postfix's knows no such type.
    case udp

    /// Whether the endpoints are addresses of Internet protocols, and no file.
    package var isInternet: Bool { self == .inet || self == .udp }

    /// Children compare the name without regard to case.
    package init?(ignoringCase name: String) {
        self.init(rawValue: name.lowercased())
    }
}

/// The number of one child's life: it counts fork attempts, and reports that carry another number are stale.
package struct Generation: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// What a process without `GENERATION` has: it was not started by master.
    package static var none: Generation { Generation(rawValue: 0) }

    package static func < (left: Generation, right: Generation) -> Bool { left.rawValue < right.rawValue }

    /// The number of the next fork attempt.
    package var next: Generation { Generation(rawValue: rawValue &+ 1) }

    /// Value of `GENERATION`: octal, no prefix.
    package var octalText: String { String(rawValue, radix: 8) }

    /// Reads the value of `GENERATION`; anything but octal digits, or a number over 32 bits, is a problem.
    package init(octalText text: String) throws(GenerationProblem) {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
            let number = UInt32(text, radix: 8)
        else { throw GenerationProblem(text: text) }
        rawValue = number
    }
}

/// `GENERATION` holds something else than an octal number; a child cannot report without it.
package struct GenerationProblem: Error, Equatable, Sendable {
    package let text: String
    package var message: String { "bad generation: \(text)" }
}
