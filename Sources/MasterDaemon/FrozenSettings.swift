//===----------------------------------------------------------------------===//
// Quartermaster: settings that only a restart can change
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy

/// The values at start of parameters that a running master cannot change, and what to say about a reload that tries.
/// Whether the new values are any good is looked at before: processes that start afterwards read them.
struct FrozenSettings: Sendable {
    private(set) var configDirectory = ""
    private var queueDirectory = ""
    private var dataDirectory = ""
    /// What an administrator stops and starts.
    private var program = ""

    /// A place for a reader to put its fields.
    init() {}

    /// - Parameter isForPostfix: whether Postfix's daemons run here, so that its name means something.
    init(_ settings: MainSettings, isForPostfix: Bool = true) {
        program = isForPostfix ? "Postfix" : "master"
        configDirectory = settings.configDirectory
        queueDirectory = settings.queueDirectory
        dataDirectory = settings.dataDirectory
    }

    /// Puts the old values back where that matters, and warns about each that was changed.
    ///
    /// - Parameter main: says where the parameters are set.
    func restore(_ settings: inout MainSettings, _ main: MainDictionary, problems: inout [ConfigProblem]) {
        for (name, old, new) in [
            ("config_directory", configDirectory, settings.configDirectory),
            ("queue_directory", queueDirectory, settings.queueDirectory),
        ] where old != new {
            problems.append(
                .warning(
                    "ignoring \(name) parameter value change -- old value: \"\(old)\", new value: \"\(new)\"",
                    at: main.place(of: name),
                    cure: restart(name)
                )
            )
        }
        if settings.dataDirectory != dataDirectory {
            problems.append(
                .warning(
                    "master keeps its lock in the old data_directory, \(dataDirectory)",
                    at: main.place(of: "data_directory"),
                    cure: restart("data_directory")
                )
            )
        }
        settings.configDirectory = configDirectory
        settings.queueDirectory = queueDirectory
    }

    private func restart(_ name: String) -> String { "To change \(name), stop and start \(program)." }
}

// For the next program in this process: what was frozen at the start stays frozen.
extension FrozenSettings {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&configDirectory)
        try coder.code(&queueDirectory)
        try coder.code(&dataDirectory)
        try coder.code(&program)
    }
}
