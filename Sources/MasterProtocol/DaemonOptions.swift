//===----------------------------------------------------------------------===//
// Quartermaster: the command line of a child
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What master tells a child on its command line, and what an administrator added in master.cf.
///
/// Parsing decides which option says what and in which order overrides apply; it never looks at a parameter's value.
package struct DaemonOptions: Equatable, Sendable {
    /// `-c`: chroot to the queue directory.
    package var isChroot = false
    /// `-d`: master runs in the foreground; do not mind a terminal.
    package var isForeground = false
    /// `-D`: run the debugger command.
    package var isDebugged = false
    /// `-l`: the service's process limit is 1, so that no other process shares its lock.
    package var isAlone = false
    /// `-z`: the service has no process limit.
    package var isUnlimited = false
    /// `-u`: run as the mail owner.
    package var isUnprivileged = false
    /// `-S`: serve one client on stdin and stdout, without a master.
    package var isOneShot = false
    /// `-V`: log to stderr as well.
    package var logsToStandardError = false
    /// `-v`, counted.
    package var verbosity = 0
    /// `-n`: name of the service where it differs from the command's.
    package var serviceName: String?
    /// `-s`: number of listening descriptors.
    package var socketCount = 1
    /// `-r`: seconds from the start after which the process makes room for a fresh one, of skeletons that retire.
    package var retirementSeconds: Int?
    /// `-t` as written; see `transport(for:)`.
    package var transportName: String?
    /// `-i`, `-m` and `-o`, in order: the last one that names a parameter wins.
    package var overrides: [Override] = []
    /// What follows the options: the service's own arguments.
    package var arguments: [String] = []

    package init() {}

    /// A setting that is stronger than main.cf's.
    package enum Override: Equatable, Sendable {
        /// `-i`: `max_idle`.
        case idleTime(String)
        /// `-m`: `max_use`.
        case useLimit(String)
        /// `-o name=value`.
        case parameter(name: String, value: String)

        /// The parameter that is set, whichever letter set it.
        package var name: String {
            switch self {
            case .idleTime: "max_idle"
            case .useLimit: "max_use"
            case .parameter(let name, _): name
            }
        }

        package var value: String {
            switch self {
            case .idleTime(let value), .useLimit(let value), .parameter(_, let value): value
            }
        }
    }

    /// The skeletons, which differ in options and transports.
    package enum Skeleton: Sendable, CaseIterable {
        /// Many clients a process, on connections.
        case stream
        /// One client a process, until it leaves.
        case single
        /// Many clients a process, and whatever else the service waits for.
        case event
        /// Bytes that ask for work to be done; nobody waits for an answer.
        case trigger
        /// Datagrams.
        case datagram

        package var letters: String {
            switch self {
            case .single, .event: "cdDi:lm:n:o:r:s:St:uvVz"
            case .stream, .trigger: "cdDi:lm:n:o:s:St:uvVz"
            case .datagram: "cdDi:lm:n:o:s:t:uvVz"
            }
        }

        package func accepts(_ transport: Transport) -> Bool {
            switch (self, transport) {
            case (.stream, .inet), (.stream, .unix), (.stream, .pass): true
            case (.single, .inet), (.single, .unix), (.single, .pass): true
            case (.event, .inet), (.event, .unix), (.event, .pass): true
            case (.trigger, .unix), (.trigger, .fifo), (.trigger, .pass): true
            case (.datagram, .unixDatagram), (.datagram, .udp): true
            case (.stream, _), (.single, _), (.event, _), (.trigger, _), (.datagram, _): false
            }
        }

        /// The types of a line in master.cf that suit it, for a message.
        package var typesInWords: String {
            let types = Transport.allCases.filter(accepts).map(\.rawValue)
            guard let last = types.last, types.count > 1 else { return types.first ?? "" }
            return types.dropLast().joined(separator: ", ") + " or " + last
        }
    }

    /// The transport, checked later than the options are parsed because other start-up problems come first.
    /// Nil only for a one-shot process that was not told.
    package func transport(for skeleton: Skeleton) throws(OptionProblem) -> Transport? {
        guard let transportName else {
            if isOneShot { return nil }
            throw .noTransport
        }
        guard let transport = Transport(ignoringCase: transportName), skeleton.accepts(transport) else {
            throw .unsupportedTransport(transportName)
        }
        return transport
    }
}

extension DaemonOptions {
    /// Parses the arguments behind the program's name, up to the first problem.
    package init(parsing arguments: [String], for skeleton: Skeleton) throws(OptionProblem) {
        self.init()
        var scanner = OptionScanner(arguments, letters: skeleton.letters)
        while let option = try scanner.next() {
            guard case .letter(let letter, let value) = option else { continue }
            if let value {
                try apply(letter, value)
            } else {
                apply(letter)
            }
        }
        self.arguments = scanner.rest
    }

    private mutating func apply(_ letter: Character) {
        switch letter {
        case "c": isChroot = true
        case "d": isForeground = true
        case "D": isDebugged = true
        case "l": isAlone = true
        case "S": isOneShot = true
        case "u": isUnprivileged = true
        case "v": verbosity += 1
        case "V": logsToStandardError = true
        case "z": isUnlimited = true
        default: preconditionFailure("option letter without a meaning")
        }
    }

    private mutating func apply(_ letter: Character, _ value: String) throws(OptionProblem) {
        switch letter {
        case "i": overrides.append(.idleTime(value))
        case "m": overrides.append(.useLimit(value))
        case "n": serviceName = value
        case "o": overrides.append(try Self.parameter(value))
        case "r":
            let seconds = LeadingInteger.value(of: value)
            guard seconds > 0 else { throw .invalidRetirementTime(value) }
            retirementSeconds = seconds
        case "s":
            socketCount = LeadingInteger.value(of: value)
            guard socketCount > 0 else { throw .invalidSocketCount(value) }
        case "t": transportName = value
        default: preconditionFailure("option letter without a meaning")
        }
    }

    /// Splits `name=value` with main.cf's trimming: blanks around both parts do not count.
    private static func parameter(_ text: String) throws(OptionProblem) -> Override {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            let reason = trimmed(text[...]).isEmpty ? "missing attribute name" : "missing '=' after attribute name"
            throw .invalidOverride(text, reason: reason)
        }
        let name = trimmed(text[..<equals])
        guard !name.isEmpty else { throw .invalidOverride(text, reason: "missing attribute name") }
        return .parameter(name: String(name), value: String(trimmed(text[text.utf8.index(after: equals)...])))
    }
}

private func trimmed(_ text: Substring) -> Substring {
    var view = text.utf8
    while let first = view.first, isBlank(first) { view.removeFirst() }
    while let last = view.last, isBlank(last) { view.removeLast() }
    return Substring(view)
}
