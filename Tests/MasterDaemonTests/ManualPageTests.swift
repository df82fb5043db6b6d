//===----------------------------------------------------------------------===//
// Quartermaster: tests that the manual pages explain what an administrator may read in the log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@Suite("Messages and their explanations") struct ManualPageTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("every message of master is in DIAGNOSTICS of master(8)")
    func master() throws {
        let found = try messages(["MasterConfig", "ConfigLoading", "MasterDaemon", "Diagnostics"])
        #expect(found.count > 120, "\(found.count) messages in the sources")
        let missing = try unexplained(found, in: Self.pages.filter { $0.hasPrefix("master") })
        #expect(missing == [])
    }

    @Test("every message of the skeletons and services is in DIAGNOSTICS of their pages")
    func services() throws {
        let rooms = ["ServerSkeleton", "AsyncServices", "CommandRunning"]
        let found = try messages(rooms + ["anvil", "policyd", "postlogd", "echo", "chat", "relay", "spawn", "sweep"])
        #expect(found.count > 20, "\(found.count) messages in the sources")
        let missing = try unexplained(found, in: Self.pages)
        #expect(missing == [])
    }

    @Test("a message that no page explains is noticed")
    func itself() throws {
        let source = "log.warning(\"service \\(name(\"x\")): eats \\(count) cakes\" + (more ? \"!\" : \"\"))\n"
        let message = try #require(MessageScanner.texts(in: source).first)
        #expect(message == "service *: eats * cakes*")
        #expect(try unexplained([message], in: ["master.8"]) == [message])
        #expect("service <name>: eats <count> cakes".asEntry.matches(message.withoutStar(atEnd: true)))
        #expect(!"service <name>: eats <count> cookies".asEntry.matches(message.withoutStar(atEnd: true)))
    }

    /// Those of master begin with its name.
    private static let pages: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.path + "/docs/man")
        return names?.sorted() ?? []
    }()

    /// Messages that are put together from others, as they are read: it is these that have entries.
    private static let wholes: [String: [String]] = [
        "missing attribute name": ["missing attribute name: \"*\""],
        "missing '=' after attribute name": ["missing '=' after attribute name: \"*\""],
        "option \"-o\" without name and value": [],
        // Reasons why there is no control socket.
        "the path is too long": [],
        "something that is no socket is in the way": [],
        "invalid \"-o *\" option value: *": [],
        "service *: * -- its processes will end as they start": [
            "service *: option \"-o\" without name and value -- its processes will end as they start",
            "service *: invalid \"-o *\" option value: * -- its processes will end as they start",
        ],
        "logical line must not start with whitespace: *": ["logical line must not start with whitespace: \"*\""],
        "*-*bad transport type: *": ["bad transport type: *", "field \"transport type\" has no default value"],
        "invalid * parameter value *": ["invalid * parameter value * < *", "invalid * parameter value * > *"],
        "inet_protocols: disabling * name/address support: *": [
            "inet_protocols: disabling IPv6 name/address support: *"
        ],
        "inet_protocols: cannot tell whether this machine has *: *": [
            "inet_protocols: cannot tell whether this machine has IPv6: *"
        ],
        // What master says of a process before it runs.
        "unsupported transport type: *": [
            "service *: unsupported transport type: * -- its processes will end as they start"
        ],
        "* requires a process limit of 1": [
            "service *: * requires a process limit of 1 -- its processes will end as they start"
        ],
        "* requires privileged operation": [
            "service *: * requires privileged operation -- its processes will end as they start"
        ],
        "missing user= attribute": ["service *: missing user= attribute -- its processes will end as they start"],
        "missing argv= attribute": ["service *: missing argv= attribute -- its processes will end as they start"],
        "argv= names no command": ["service *: argv= names no command -- its processes will end as they start"],
        "unknown attribute name: *": ["service *: unknown attribute name: * -- its processes will end as they start"],
        "invalid option: *": ["service *: invalid option: * -- its processes will end as they start"],
        "unexpected command-line argument: *": [
            "service *: unexpected command-line argument: * -- its processes will end as they start"
        ],
        // What the process says itself, with the cure.
        "service * requires a process limit of 1 (Put 1 in the maxproc field of master.cf.)": [
            "service * requires a process limit of 1"
        ],
        "service * requires a process limit of 0 (Put 0 in the maxproc field of master.cf.)": [
            "service * requires a process limit of 0"
        ],
        "service * requires privileged operation (Put n in the unpriv field of master.cf.)": [
            "service * requires privileged operation"
        ],
        "* (Write * in the second field of its line in master.cf.)": ["unsupported transport type: *"],
        "*: Servname not supported for ai_socktype": ["*:*: Servname not supported for ai_socktype"],
        "*not a fifo: *": ["fifo_listen: not a fifo: *"],
        "* (master needs a limit of * open files)": [
            "socket: Too many open files (master needs a limit of * open files)"
        ],
        "service * stays as it was: *": ["service * stays as it was: rename * to *: *"],
        "reload accepted: *": [
            "reload accepted: added *", "reload accepted: removed *", "reload accepted: changed *",
            "reload accepted: no service was added, removed or changed",
            "reload accepted: * now listens on *, and no longer listens on *",
            "reload accepted: * more services have other addresses",
            "reload accepted: another length of the queue: *",
            "reload accepted: main.cf and * services are as they were: their processes stay",
            "reload accepted: * services tell their processes to leave within * seconds",
        ],
        "* while waiting for daemon initialization": [
            "Connection timed out while waiting for daemon initialization"
        ],
        "terminating on signal ": ["terminating on signal *"],
        "unused parameter: *": ["unused parameter: * (did you mean *?)"],
        "service *: unused parameter in an -o option: *": [
            "service *: unused parameter in an -o option: * (did you mean *?)"
        ],
        "*: * -- not counting what this process does": [
            "pid/master.workers: * -- not counting what this process does"
        ],
        "no room on the disk for *: * -- what ended processes counted waits in it, and new ones may not count: make room":
            [
                "no room on the disk for pid/master.metrics: * -- what ended processes counted waits in it, and new ones may not"
                    + " count: make room"
            ],
        "there is room on the disk for * again -- all that was counted is in it": [
            "there is room on the disk for pid/master.metrics again -- all that was counted is in it"
        ],
        "service *: no room in * for all that its processes counted themselves -- some of it ends with them": [
            "service *: no room in pid/master.metrics for all that its processes counted themselves -- some of it ends with"
                + " them"
        ],
        "* -- using *, the copy that master accepted last": [
            "* -- using pid/main.cf.accepted, the copy that master accepted last"
        ],
    ]

    private func messages(_ rooms: [String]) throws -> [String] {
        var found: [String] = []
        for room in rooms {
            let directory = Self.root.appendingPathComponent("Sources/\(room)").resolvingSymlinksInPath()
            let names = try FileManager.default.subpathsOfDirectory(atPath: directory.path).sorted()
            for name in names where name.hasSuffix(".swift") {
                let text = try String(contentsOf: directory.appendingPathComponent(name), encoding: .utf8)
                found += MessageScanner.texts(in: text)
            }
        }
        return found.flatMap { Self.wholes[$0] ?? [$0] }
    }

    /// The messages that no entry of the pages is about.
    private func unexplained(_ messages: [String], in pages: [String]) throws -> [String] {
        let entries = try pages.flatMap { page in
            let url = Self.root.appendingPathComponent("docs/man/\(page)")
            return try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n.Sh ")
                .filter { $0.hasPrefix("DIAGNOSTICS") }
                .flatMap {
                    $0.split(separator: "\n").filter { $0.hasPrefix(".It ") }.map { String($0.dropFirst(4)).asEntry }
                }
        }
        #expect(!entries.isEmpty)
        return messages.filter { message in
            // A reason may follow: `log.fatal(text, error)`. What begins or ends with something that depends may be
            // explained without that.
            let forms = [message, message + ": *", message.withoutStar(atEnd: true), message.withoutStar(atEnd: false)]
            return !entries.contains { entry in forms.contains { entry.matches($0) } }
        }
    }
}

extension String {
    /// What an `.It` of a page stands for: `*` where anything may stand.
    fileprivate var asEntry: String {
        var text = replacingOccurrences(of: "\\(dq", with: "\"").replacingOccurrences(of: "\\&", with: "")
        text = text.replacingOccurrences(of: "...", with: "*")
        var entry = ""
        var depth = 0
        for (index, character) in zip(text.indices, text) {
            let opens = character == "<" && text[text.index(after: index)...].first?.isLetter == true
            if opens {
                depth += 1
                entry += "*"
            }
            if depth == 0 { entry.append(character) }
            if depth > 0, character == ">" { depth -= 1 }
        }
        return entry
    }
}

extension String {
    fileprivate func withoutStar(atEnd: Bool) -> String {
        if atEnd { return hasSuffix("*") ? String(dropLast()) : self }
        return hasPrefix("*") ? String(dropFirst()) : self
    }

    /// Whether this pattern, in which a `*` stands for any text, means a message.
    fileprivate func matches(_ message: String) -> Bool {
        let parts = split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
        let text = Array(message.utf8)
        guard let first = parts.first, let last = parts.last, text.starts(with: first) else { return false }
        if parts.count == 1 { return text.count == first.count }
        var place = first.count
        // The earliest place of each part leaves the most for the others.
        for part in parts.dropFirst().dropLast() {
            while place + part.count <= text.count, !text[place...].starts(with: part) { place += 1 }
            if place + part.count > text.count { return false }
            place += part.count
        }
        return text.count - place >= last.count && text.suffix(last.count).elementsEqual(last)
    }
}

/// Finds the texts of messages in Swift sources: string literals that are handed to a log, or to what ends in one. What
/// is put in at run time is a `*`.
private struct MessageScanner {
    private let source: [UInt8]
    private var position = 0

    private init(_ source: [UInt8], at position: Int) {
        self.source = source
        self.position = position
    }

    static func texts(in text: String) -> [String] {
        let code = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.drop { $0 == " " }.hasPrefix("//") ? "" : $0 }
            .joined(separator: "\n")
        let bytes = Array(code.utf8)
        let starts =
            #/
            log\.(info|warning|error|fatal)\( | verbose\(1,\x20 | \.(fatal|warning|info|malformed)\( | \btext:\x20
            | let\ text\ = | refuse\( | fail\("\w+",\x20 | \(\s*\.(info|warning), | complain\(
            /#
        return code.matches(of: starts).compactMap { start in
            var scanner = MessageScanner(
                bytes,
                at: code.utf8.distance(from: code.startIndex, to: start.range.upperBound)
            )
            let prefix = start.output.2 == "malformed" ? "dictionary mail_dict: macro processing error: " : ""
            let found = scanner.expression()
            let letters = found.utf8.count { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            return letters >= 5 && found.contains(" ") ? prefix + found : nil
        }
    }

    private func byte(_ character: Unicode.Scalar) -> Bool {
        position < source.count && source[position] == UInt8(ascii: character)
    }

    /// Literals put together with `+`, up to the end of the argument.
    private mutating func expression() -> String {
        var text = ""
        var depth = 0
        func add(_ more: String) { if !(more == "*" && text.hasSuffix("*")) { text += more } }
        while position < source.count {
            switch source[position] {
            case UInt8(ascii: "\""):
                let part = literal()
                if depth == 0 { add(part) }
                continue
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"):
                if depth == 0 { add("*") }
                depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth == 0 { return text }
                depth -= 1
            case UInt8(ascii: ","):
                if depth == 0 { return text }
            case UInt8(ascii: "\n"):
                let next = source[position...].first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
                if depth == 0, next != UInt8(ascii: "+"), text.contains(where: { $0 != "*" }) { return text }
            case UInt8(ascii: " "), UInt8(ascii: "+"): break
            default: if depth == 0 { add("*") }
            }
            position += 1
        }
        return text
    }

    private mutating func literal() -> String {
        var bytes: [UInt8] = []
        position += 1
        while position < source.count, !byte("\""), !byte("\n") {
            guard byte("\\") else {
                bytes.append(source[position])
                position += 1
                continue
            }
            position += 1
            if byte("(") {
                skipInterpolation()
                bytes.append(UInt8(ascii: "*"))
            } else {
                bytes.append(source[position])
                position += 1
            }
        }
        position += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func skipInterpolation() {
        var depth = 0
        while position < source.count {
            if byte("\"") {
                _ = literal()
                continue
            }
            if byte("(") { depth += 1 }
            if byte(")") { depth -= 1 }
            position += 1
            if depth == 0 { return }
        }
    }
}
