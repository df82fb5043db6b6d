//===----------------------------------------------------------------------===//
// Quartermaster: the -o options of a service, and those that a child would refuse
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

extension ServiceEntry {
    /// Warnings about `-o` options without a value: the child that gets one ends as it starts.
    package func optionProblems(path: String) -> [ConfigProblem] {
        overrides.compactMap { override in
            guard case .failure(let problem) = override else { return nil }
            return .warning(
                "service \(nameAsWritten): \(problem.text) -- its processes will end as they start",
                at: .line(line, of: path),
                cure: problem.cure
            )
        }
    }

    /// The parameters that `-o` options set.
    var optionNames: [String] { overrides.compactMap { try? $0.get() } }

    /// The name that each `-o` option sets, or what is wrong with the option. Arguments are read up to the first that
    /// is no option, as the child does, and up to the first letter that we do not know: such an option is between the
    /// administrator and the program.
    private var overrides: [Result<String, ConfigProblem>] {
        var found: [Result<String, ConfigProblem>] = []
        var scanner = OptionScanner(arguments, letters: DaemonOptions.Skeleton.stream.letters)
        do throws(OptionProblem) {
            while let option = try scanner.next() {
                guard case .letter("o", let value?) = option else { continue }
                do throws(ConfigProblem) {
                    found.append(.success(try MainDictionary.assignment(value).name))
                } catch {
                    found.append(.failure(error))
                }
            }
        } catch {
            guard case .invalidOption("o") = error else { return found }
            let cure = "Write the option as \"-o name=value\"."
            found.append(.failure(.fatal("option \"-o\" without name and value", cure: cure)))
        }
        return found
    }
}
