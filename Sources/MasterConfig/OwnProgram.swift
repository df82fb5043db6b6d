//===----------------------------------------------------------------------===//
// Quartermaster: what the programs of this project ask of their line in master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// What a service of ours refuses when it starts, as far as that can be told without running it. Postfix's programs of
/// the same names refuse the same. The programs themselves have the last word; a test compares them with this table.
struct OwnProgram {
    let skeleton: DaemonOptions.Skeleton
    /// Needs a process limit of 1.
    let isSolitary: Bool
    /// Needs root's powers.
    var isPrivileged = false
    /// Runs the command of its line.
    var runsCommand = false
    /// The parameters that it alone reads.
    let parameters: [any ConfigParameter]

    private static let all: [String: OwnProgram] = [
        "anvil": OwnProgram(
            skeleton: .stream,
            isSolitary: true,
            parameters: [ParameterTable.anvilRateTimeUnit, ParameterTable.anvilStatusUpdateTime]
        ),
        "postlogd": OwnProgram(
            skeleton: .datagram,
            isSolitary: true,
            parameters: [ParameterTable.postlogdWatchdogTimeout]
        ),
        "echo": OwnProgram(skeleton: .stream, isSolitary: false, parameters: []),
        "chat": OwnProgram(skeleton: .event, isSolitary: true, parameters: []),
        "exporter": OwnProgram(
            skeleton: .stream,
            isSolitary: false,
            parameters: [ParameterTable.exporterTimeout, ParameterTable.exporterClientLimit]
        ),
        "policyd": OwnProgram(skeleton: .stream, isSolitary: true, parameters: PolicydParameters.all),
        "relay": OwnProgram(skeleton: .event, isSolitary: false, parameters: RelayParameters.all),
        "spawn": OwnProgram(
            skeleton: .single,
            isSolitary: false,
            isPrivileged: true,
            runsCommand: true,
            parameters: []
        ),
        "sweep": OwnProgram(
            skeleton: .trigger,
            isSolitary: true,
            isPrivileged: true,
            runsCommand: true,
            parameters: [ParameterTable.sweepOutputLimit]
        ),
    ]

    /// - Parameter command: as master.cf has it. A path leads to a program of somebody else.
    static func named(_ command: String) -> OwnProgram? { all[command] }
}

extension ServiceEntry {
    /// Clients that may wait at least, of a program of ours whose processes serve thousands at a time: the number of
    /// processes, which is Postfix's measure, says nothing about those. nil for all others.
    package var usualQueue: Int? { OwnProgram.named(command)?.skeleton == .event ? 4096 : nil }

    /// Whether it is a program of ours that works for nobody but root.
    package var isForRootOnly: Bool { OwnProgram.named(command)?.isPrivileged ?? false }

    /// The names of all parameters that a program of ours reads for itself; nil where the program is somebody else's,
    /// and where ours has none, because another of the same name may be meant.
    var ownParameterNames: [String]? {
        guard let own = OwnProgram.named(command), !own.parameters.isEmpty else { return nil }
        return own.parameters.map(\.name) + (own.runsCommand ? ["\(nameAsWritten)_time_limit"] : [])
    }

    /// Warnings about what the service's processes will refuse as they start: values of the parameters that every
    /// process reads, and what a program of ours asks of its line. None is a reason for `master` not to start.
    ///
    /// - Parameter dictionary: main.cf, evaluated.
    package func startProblems(_ dictionary: MainDictionary, path: String) -> [ConfigProblem] {
        let own = OwnProgram.named(command)
        let scanned = scanOptions(letters: (own?.skeleton ?? .stream).letters)
        var found = own.map { demands(of: $0, scanned) } ?? []
        var dictionary = dictionary
        var names: Set<String> = []
        for (name, value) in scanned.settings {
            dictionary.set(name, value)
            // What a value refers to may be known to the program alone.
            if value.utf8.contains(ASCII.dollar) { names.remove(name) } else { names.insert(name) }
        }
        for parameter in ParameterTable.ofEveryProcess where names.contains(parameter.name) {
            Self.check(parameter, &dictionary, &found)
        }
        for parameter in own?.parameters ?? [] {
            Self.check(parameter, &dictionary, &found)
        }
        return found.map { problem in
            .warning(
                "service \(nameAsWritten): \(problem.text) -- its processes will end as they start",
                at: problem.place ?? .line(line, of: path),
                cure: problem.cure
            )
        }
    }

    private static func check(
        _ parameter: some ConfigParameter,
        _ dictionary: inout MainDictionary,
        _ problems: inout [ConfigProblem]
    ) {
        _ = dictionary.value(of: parameter, problems: &problems)
    }

    private func demands(of program: OwnProgram, _ scanned: ScannedOptions) -> [ConfigProblem] {
        var found: [ConfigProblem] = []
        if !program.skeleton.accepts(type) {
            let cure = "Write \(program.skeleton.typesInWords) in the second field."
            found.append(.fatal("unsupported transport type: \(type.rawValue)", cure: cure))
        }
        if program.isSolitary, processLimit != 1, !scanned.letters.contains("l") {
            found.append(.fatal("\(command) requires a process limit of 1", cure: "Put 1 in the maxproc field."))
        }
        if program.isPrivileged, isUnprivileged || scanned.letters.contains("u") {
            found.append(.fatal("\(command) requires privileged operation", cure: "Put n in the unpriv field."))
        }
        if let letter = scanned.unknown {
            let cure = "Remove it; the options are in quartermaster-services(7)."
            found.append(.fatal("invalid option: \(letter)", cure: cure))
        } else if program.runsCommand {
            do throws(ConfigProblem) {
                _ = try CommandAttributes(parsing: scanned.arguments)
            } catch {
                found.append(error)
            }
        } else if let argument = scanned.arguments.first {
            let cure = "Remove it: \(command) takes options only."
            found.append(.fatal("unexpected command-line argument: \(argument)", cure: cure))
        }
        return found
    }

    private struct ScannedOptions {
        var settings: [(name: String, value: String)] = []
        var letters: Set<Character> = []
        /// The first letter that is no option.
        var unknown: Character?
        var arguments: [String] = []
    }

    /// The options as the process will read them. What is wrong with the form of `-o` is said elsewhere.
    private func scanOptions(letters: String) -> ScannedOptions {
        var found = ScannedOptions()
        var scanner = OptionScanner(arguments, letters: letters)
        do throws(OptionProblem) {
            while let option = try scanner.next() {
                guard case .letter(let letter, let value) = option else { continue }
                found.letters.insert(letter)
                switch (letter, value) {
                case ("i", let value?): found.settings.append(("max_idle", value))
                case ("m", let value?): found.settings.append(("max_use", value))
                case ("o", let value?):
                    if let setting = try? MainDictionary.assignment(value) { found.settings.append(setting) }
                default: break
                }
            }
            found.arguments = scanner.rest
        } catch {
            if case .invalidOption(let letter) = error, letter != "o" { found.unknown = letter }
        }
        return found
    }
}
