//===----------------------------------------------------------------------===//
// Quartermaster: master.cf: from its text to service entries
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Parses master.cf in one pass that collects every problem. An entry with a fatal problem is left out; all others
/// are returned, so that a check can go on with them.
package enum MasterFile {
    /// - Parameters:
    ///   - isInetUsable: whether this machine has a protocol of `inet_protocols`; nil to believe the parameter.
    ///   - inetProtocols: where that parameter is set.
    package static func parse(
        _ file: Bytes,
        path: String,
        settings: MainSettings,
        isInetUsable: Bool? = nil,
        inetProtocols: ConfigProblem.Place? = nil,
        problems: inout [ConfigProblem]
    ) -> [ServiceEntry] {
        var disabled = DisabledServices(settings.masterServiceDisable)
        if !(isInetUsable ?? !settings.addressFamilies.isEmpty) {
            problems.append(noInet(settings, at: inetProtocols ?? .file(settings.mainPath)))
            disabled.disableInet()
        }
        var entries: [ServiceEntry] = []
        for line in LogicalLines.split(file, path: path, problems: &problems) {
            var parser = EntryParser(line: line, path: path, settings: settings)
            if let entry = parser.entry(disabled: disabled) { entries.append(entry) }
            problems += parser.problems
        }
        return entries
    }

    package static func parse(
        _ text: String,
        path: String,
        settings: MainSettings,
        isInetUsable: Bool? = nil,
        problems: inout [ConfigProblem]
    ) -> [ServiceEntry] {
        parse(Bytes(text.utf8), path: path, settings: settings, isInetUsable: isInetUsable, problems: &problems)
    }

    private static func noInet(_ settings: MainSettings, at place: ConfigProblem.Place) -> ConfigProblem {
        .warning(
            "all network protocols are disabled (inet_protocols = \(settings.inetProtocols))"
                + " -- disabling all type \"inet\" services in master.cf",
            at: place,
            cure: "Set inet_protocols to all, ipv4 or ipv6, unless no network service is wanted."
        )
    }
}

/// One entry under way.
struct EntryParser {
    private let line: LogicalLine
    private let path: String
    private let settings: MainSettings
    private var rest: ArraySlice<UInt8>
    private(set) var problems: [ConfigProblem] = []

    init(line: LogicalLine, path: String, settings: MainSettings) {
        self.line = line
        self.path = path
        self.settings = settings
        rest = line.bytes[...]
    }

    /// The entry; nil if it is disabled or malformed. Every field is looked at, also after a bad one.
    mutating func entry(disabled: DisabledServices) -> ServiceEntry? {
        guard let name = field("service name"), let typeName = field("transport type") else { return nil }
        // A disabled line may be malformed from here on.
        guard !disabled.contains(name, typeName) else { return nil }
        let type = serviceType(typeName.text)
        let inetName = type?.isInternet == true ? inetName(name.text) : nil
        let isPrivate = privateField(type: type)
        let isUnprivileged = boolean("unprivileged", orDefault: true)
        let wantsChroot = chrootField()
        let wakeup = field("wakeup_time")
        let wakeupSeconds = number("wakeup_time", wakeup, orDefault: 0, mayEndIn: ASCII.question)
        if type == .udp, wakeupSeconds > 0 { refuseWakeup() }
        let processLimit = number("max_proc", field("max_proc"), orDefault: settings.defaultProcessLimit)
        let command = field("command")
        if let command, command.text == "-" { refuse(noDefault("command"), cure: "Name the program to run.") }
        let arguments = arguments()
        guard !problems.hasFatal, let type, let command, let isPrivate else { return nil }
        return ServiceEntry(
            nameAsWritten: name.text,
            type: type,
            isPrivate: isPrivate,
            isUnprivileged: isUnprivileged,
            wantsChroot: wantsChroot,
            wakeupSeconds: wakeupSeconds,
            wakeupIsConditional: wakeupSeconds > 0 && wakeup?.last == ASCII.question,
            processLimit: processLimit,
            command: command.text,
            executablePath: "\(settings.daemonDirectory)/\(command.text)",
            arguments: arguments,
            line: line.number,
            inetName: inetName
        )
    }

    private mutating func refuse(_ text: String, cure: String) {
        problems.append(.fatal(text, at: place, cure: cure))
    }

    private var place: ConfigProblem.Place { .line(line.number, of: path) }

    private func noDefault(_ field: String) -> String { "field \"\(field)\" has no default value" }

    /// The next field; only the first that is missing is reported.
    private mutating func field(_ name: String) -> ArraySlice<UInt8>? {
        if let token = Tokens.next(in: &rest, groupsBraces: false, isSeparator: \.isFieldBlank) { return token }
        if !isShort {
            isShort = true
            refuse(
                "missing \"\(name)\" field",
                cure: "Write all eight fields: name type private unprivileged chroot wakeup maxproc command."
            )
        }
        return nil
    }

    private var isShort = false

    private mutating func serviceType(_ text: String) -> Transport? {
        if let type = Transport(rawValue: text) { return type }
        let names = Transport.allCases.map(\.rawValue).joined(separator: ", ")
        refuse(
            text == "-" ? noDefault("transport type") : "bad transport type: \(text)",
            cure: "Use one of the types \(names)."
        )
        return nil
    }

    private mutating func inetName(_ text: String) -> InetName? {
        do {
            return try InetName.parse(text)
        } catch {
            refuse("\(error.reason) in \"\(text)\"", cure: "Write the name as port, host:port or [address]:port.")
            return nil
        }
    }

    /// A service could not tell the byte of a wake-up from what a client sends.
    private mutating func refuseWakeup() {
        refuse("udp service cannot be woken up", cure: "Put 0 in the sixth field, \"wakeup\".")
    }

    /// Inet services are public, and have to say so.
    private mutating func privateField(type: Transport?) -> Bool? {
        let isPrivate = boolean("private", orDefault: true)
        if let type, type.isInternet, isPrivate, !isShort, !lastWasBad {
            refuse("\(type.rawValue) service cannot be private", cure: "Put n in the third field, \"private\".")
        }
        return isPrivate
    }

    private var lastWasBad = false

    private mutating func boolean(_ name: String, orDefault value: Bool) -> Bool {
        lastWasBad = false
        guard let token = field(name) else { return value }
        switch token.text {
        case "-": return value
        case "y": return true
        case "n": return false
        case let text:
            lastWasBad = true
            refuse("field \"\(name)\": bad value: \"\(text)\"", cure: "Use y, n, or - for the default.")
            return value
        }
    }

    /// Before compatibility level 1 the default was y.
    private mutating func chrootField() -> Bool {
        let isOld = settings.compatibilityLevel < CompatibilityLevel(major: 1)
        let isDefault = rest.drop(while: \.isFieldBlank).prefix { !$0.isFieldBlank }.text == "-"
        if isOld && isDefault {
            problems.append(
                .info(
                    "using backwards-compatible default setting chroot=y",
                    at: place,
                    cure: "Set compatibility_level in main.cf, or y or n in the fifth field, \"chroot\"."
                )
            )
        }
        return boolean("chroot", orDefault: isOld)
    }

    /// Digits. What follows them is ignored, as Postfix does: `0x5` is 0, which is no limit, and `5O` is 5. That is
    /// hardly ever meant.
    private mutating func number(
        _ name: String,
        _ token: ArraySlice<UInt8>?,
        orDefault value: Int,
        mayEndIn mark: UInt8? = nil
    ) -> Int {
        guard let token, token.text != "-" else { return value }
        var digits = token.prefix(while: \.isDigit)
        var rest = token[digits.endIndex...]
        if let mark, rest.last == mark { rest = rest.dropLast() }
        if !digits.isEmpty, let number = DecimalNumber.read(&digits) {
            if !rest.isEmpty { warnOfTail(name, token, number) }
            return number
        }
        refuse("field \"\(name)\": bad value: \"\(token.text)\"", cure: "Use a whole number, or - for the default.")
        return value
    }

    private mutating func warnOfTail(_ name: String, _ token: ArraySlice<UInt8>, _ number: Int) {
        problems.append(
            .warning(
                "field \"\(name)\": \"\(token.text)\" is read as \(number): what follows the number is ignored",
                at: place,
                cure: "Use a whole number, or - for the default."
            )
        )
    }

    private mutating func arguments() -> [String] {
        var arguments: [String] = []
        while let token = Tokens.next(in: &rest, groupsBraces: true, isSeparator: \.isFieldBlank) {
            do {
                arguments.append(try Braces.content(token).text)
            } catch {
                refuse(error.text, cure: "Balance the braces; an argument that starts with { ends with its }.")
            }
        }
        return arguments
    }
}

extension DisabledServices {
    fileprivate func contains(_ name: ArraySlice<UInt8>, _ type: ArraySlice<UInt8>) -> Bool {
        contains(name: name.text, type: type.text)
    }
}
