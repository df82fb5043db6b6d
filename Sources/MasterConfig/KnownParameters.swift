//===----------------------------------------------------------------------===//
// Quartermaster: parameters that no program reads
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText

/// Which names of main.cf mean something: to Postfix, to us, to a service, or to another line of the configuration.
/// What is left is most often a mistyped name, which Postfix and we would pass over in silence.
package struct KnownParameters {
    private var names: Set<String>
    /// Name prefixes in use: of a service of master.cf, or a table such as `ldap:accounts`.
    private var prefixes: Set<String> = []
    /// Services of master.cf whose program is one of Postfix's: only some names begin with theirs.
    private var transports: Set<String> = []

    package init(_ dictionary: MainDictionary, _ entries: [ServiceEntry]) {
        names = Self.builtin
        for entry in entries { add(entry) }
        for name in dictionary.namesInFile { add(valueText: dictionary.lookup(name) ?? "") }
        for name in Tokens.list(dictionary.lookup("smtpd_restriction_classes") ?? "") { names.insert(name) }
    }

    /// A warning for each name of the file that is not known, in the order of the file.
    package func problems(_ dictionary: MainDictionary) -> [ConfigProblem] {
        let unknown = dictionary.namesInFile.filter { !isKnown($0) }
        return unknown.map { name in
            let likely = likelyName(name)
            return .warning(
                "unused parameter: \(name)" + Self.hint(likely),
                at: dictionary.place(of: name),
                cure: likely.map { "Correct the name to \($0), or remove the line." }
                    ?? "Remove the line. A service's own parameters begin with its name, as in <service>_limit."
            )
        }
    }

    /// A warning for each `-o` that names no known parameter. A program of the administrator's own may know names that
    /// nobody else does: there it has to be a known name with a letter wrong.
    package func optionProblems(_ entries: [ServiceEntry], path: String) -> [ConfigProblem] {
        entries.flatMap { entry in
            entry.optionNames.filter { !isKnown($0) }.compactMap { name in
                let likely = likelyName(name)
                guard likely != nil || Self.isOneOfPostfix(entry) || entry.ownParameterNames != nil else { return nil }
                return .warning(
                    "service \(entry.nameAsWritten): unused parameter in an -o option: \(name)" + Self.hint(likely),
                    at: .line(entry.line, of: path),
                    cure: likely.map { "Correct the name to \($0), or remove the option." } ?? "Remove the option."
                )
            }
        }
    }

    private static func hint(_ likely: String?) -> String { likely.map { " (did you mean \($0)?)" } ?? "" }

    func isKnown(_ name: String) -> Bool {
        if names.contains(name) || names.contains("smtp_" + name.dropPrefix("lmtp_")) { return true }
        let bytes = name.bytes
        for index in bytes.indices where bytes[index] == ASCII.underscore {
            let head = bytes[..<index].text
            let rest = bytes[(index + 1)...].text
            // A service may call its parameters what it likes; what is nearly a setting of ours is one, mistyped.
            if prefixes.contains(head) { return !ServiceSettings.isNearly(rest) }
            if transports.contains(head), Self.isForTransports(rest) || ServiceSettings.isSetting(rest) { return true }
        }
        return false
    }

    /// What any transport has of its own: everything that has a default for all transports, and two more.
    private static func isForTransports(_ suffix: String) -> Bool {
        builtin.contains("default_\(suffix)") || ["time_limit", "initial_destination_concurrency"].contains(suffix)
    }

    /// The nearest known name, if it is near: at most two letters wrong, at most one in a short name, and none where
    /// there are too few letters to tell. Stricter than `EditDistance.likelyName`: nobody has asked.
    private func likelyName(_ name: String) -> String? {
        let limit = name.utf8.count < 8 ? 1 : 2
        guard name.utf8.count > 3 else { return nil }
        var best: (name: String, distance: Int)?
        for known in names {
            guard let distance = EditDistance.between(name, known, atMost: limit) else { continue }
            if let best, (best.distance, best.name) < (distance, known) { continue }
            best = (known, distance)
        }
        return best?.name
    }
}

extension KnownParameters {
    private static let builtin: Set<String> = Set(
        namesOfPostfix.bytes.split(whereSeparator: \.isSpace).map(\.text)
            + [
                "master_concurrent_starts", "master_allow_no_services", "master_name_lookup_time_limit",
                "master_warning_interval", "master_reload_spread", "master_listen_backlog", "master_receive_buffer",
                "maillog_file_permissions",
            ]
    )

    private static let daemonsOfPostfix: Set<String> = [
        "anvil", "bounce", "cleanup", "discard", "dnsblog", "error", "flush", "lmtp", "local", "oqmgr", "pickup",
        "pipe", "postlogd", "postscreen", "proxymap", "qmgr", "qmqpd", "scache", "showq", "smtp", "smtpd", "spawn",
        "tlsmgr",
        "tlsproxy", "trivial-rewrite", "verify", "virtual",
    ]

    private mutating func add(_ entry: ServiceEntry) {
        if Self.isOneOfPostfix(entry) {
            transports.insert(entry.nameAsWritten)
        } else if let own = entry.ownParameterNames {
            // These are all: what else begins like them is mistyped.
            names.formUnion(own)
        } else {
            prefixes.formUnion([entry.nameAsWritten, entry.command.baseName])
        }
        for argument in entry.arguments { add(valueText: argument) }
        for own in ServiceSettings.parameterNames { names.formUnion(ServiceSettings.names(of: own, for: entry)) }
    }

    private static func isOneOfPostfix(_ entry: ServiceEntry) -> Bool {
        daemonsOfPostfix.contains(entry.command.baseName)
    }

    /// Every `$name` is a use of `name`, and every `type:name` of a table of parameters that begin with `name_`.
    private mutating func add(valueText text: String) {
        let bytes = text.bytes
        for index in bytes.indices {
            if bytes[index] == ASCII.dollar {
                let rest = bytes[(index + 1)...].drop { ASCII.opening.contains($0) || $0.isFieldBlank }
                names.insert(rest.prefix(while: \.isNameByte).text)
            } else if bytes[index] == ASCII.colon {
                let name = bytes[(index + 1)...].prefix(while: \.isNameByte)
                if !name.isEmpty { prefixes.insert(name.text) }
            }
        }
    }
}

extension ASCII {
    fileprivate static let opening: [UInt8] = [leftBrace, leftParenthesis]
}

extension String {
    fileprivate func dropPrefix(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
