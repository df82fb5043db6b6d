//===----------------------------------------------------------------------===//
// Quartermaster: what the files allow, and what will go wrong all the same
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import SystemCalls

extension ModelBuilder {
    /// Warnings that are no reason to refuse the files, and the refusal of a reload that takes every service away.
    mutating func advise(_ entries: [ServiceEntry], _ settings: MainSettings) {
        if entries.isEmpty { adviseNoServices(settings) }
        for entry in entries {
            entry.optionProblems(path: settings.masterPath).forEach { add($0) }
            entry.startProblems(dictionary, path: settings.masterPath).forEach { add($0) }
        }
        adviseMissingPrograms(entries, settings)
        adviseUnusedParameters(entries, settings)
    }

    /// What an empty file means, which is most often one that was cut off. At start Postfix's master makes do with it,
    /// and so do we; taking away what runs has to be asked for.
    private func aboutNothing(
        _ text: String,
        in path: String,
        isAllowed: Bool = false,
        cure: String
    ) -> ConfigProblem {
        let problem = ConfigProblem.fatal(text, at: .file(path), cure: cure)
        switch purpose {
        case .start: return problem.asWarning()
        case .reload, .trial, .check: return isAllowed ? problem.asWarning() : problem
        }
    }

    private mutating func adviseNoServices(_ settings: MainSettings) {
        // A file of which no line can be used says so itself.
        guard !problems.contains(where: { $0.severity == .fatal && $0.file == settings.masterPath }) else { return }
        let cure = "Restore the file; if it is meant, set master_allow_no_services = yes in main.cf."
        let isAllowed = settings.masterAllowNoServices
        add(aboutNothing("there is no service", in: settings.masterPath, isAllowed: isAllowed, cure: cure))
    }

    mutating func adviseEmptyMain() {
        guard dictionary.namesInFile.isEmpty, !problems.hasFatal else { return }
        let cure = "Restore the file; if all defaults are meant, set one of them, as in mail_name = Postfix."
        add(aboutNothing("no parameter is set", in: "\(configDirectory)/main.cf", cure: cure))
    }

    /// A program may be installed later: master starts without it, and tries it when a client comes. Where the whole
    /// directory is missing, that was said already.
    private mutating func adviseMissingPrograms(_ entries: [ServiceEntry], _ settings: MainSettings) {
        guard isDirectory(inQueue(settings.daemonDirectory, settings)) else { return }
        var seen: Set<String> = []
        for entry in entries where seen.insert(entry.executablePath).inserted {
            guard !isProgram(inQueue(entry.executablePath, settings)) else { continue }
            add(
                .warning(
                    "service \(entry.nameAsWritten): cannot execute \(entry.executablePath):"
                        + " master starts all the same, but clients of the service will wait",
                    at: place(of: entry, settings),
                    cure: "Install the program in daemon_directory, or correct the last field."
                )
            )
        }
    }

    private func isProgram(_ path: String) -> Bool {
        (try? facts(ofPath: path))?.kind == .file && isExecutable(path)
    }

    private mutating func adviseUnusedParameters(_ entries: [ServiceEntry], _ settings: MainSettings) {
        let known = KnownParameters(dictionary, entries)
        let options = known.optionProblems(entries, path: settings.masterPath)
        add(known.problems(dictionary), "unused parameters", in: "\(configDirectory)/main.cf")
        add(options, "unused parameters in -o options", in: settings.masterPath)
    }

    /// A file of another program may be full of them.
    private mutating func add(_ found: [ConfigProblem], _ what: String, in path: String) {
        let shown = 20
        found.prefix(shown).forEach { add($0) }
        guard found.count > shown else { return }
        let cure = "Correct those that are named; the others are named then."
        add(.warning("\(found.count - shown) more \(what)", at: .file(path), cure: cure))
    }
}
