//===----------------------------------------------------------------------===//
// Quartermaster: options of master.cf that a child would refuse
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

extension ServiceEntry {
    /// Warnings about `-o` options without a value: the child that gets one ends as it starts. Arguments are read up to
    /// the first that is no option, as the child does.
    package func optionProblems(path: String) -> [ConfigProblem] {
        var problems: [ConfigProblem] = []
        var scanner = OptionScanner(arguments, letters: DaemonOptions.Skeleton.stream.letters)
        do throws(OptionProblem) {
            while let option = try scanner.next() {
                guard case .letter("o", let value?) = option else { continue }
                do throws(ConfigProblem) {
                    _ = try MainDictionary.assignment(value)
                } catch {
                    problems.append(warning(error.text, cure: error.cure, path: path))
                }
            }
        } catch {
            // Options that we do not know are between the administrator and the program; this one everybody knows.
            guard case .invalidOption("o") = error else { return problems }
            let cure = "Write the option as \"-o name=value\"."
            problems.append(warning("option \"-o\" without name and value", cure: cure, path: path))
        }
        return problems
    }

    private func warning(_ text: String, cure: String?, path: String) -> ConfigProblem {
        .warning(
            "\(path): line \(line): service \(nameAsWritten): \(text) -- its processes will end as they start",
            file: path,
            line: line,
            cure: cure
        )
    }
}
