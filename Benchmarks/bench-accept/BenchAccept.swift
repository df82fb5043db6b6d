//===----------------------------------------------------------------------===//
// Quartermaster: bench-accept, load for services, every exchange accounted for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import ByteText
import LoadGeneration
import LoadReports
import SystemCalls
import TerminalText

/// The command and its subcommands. Exit status 0: everything was answered, or refused by name; 1: something failed,
/// no exchange was answered, or the ledger does not add up; 2: a condition of `--fail-if` holds, or a comparison shows
/// something worse; 64: the command line makes no sense.
@main
struct BenchAccept: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-accept",
        abstract: "Loads a service and accounts for every exchange by name.",
        discussion: """
            One of the kinds of load comes first: bench-accept storm --tcp HOST:PORT
            --preset echo. Each has its own --help with all options; bench-accept(1)
            explains them. TLS is not spoken: load the plain port behind it.
            Shell completions: --generate-completion-script SHELL.
            """,
        version: programVersion,
        subcommands: [
            Generate<StormKind>.self, Generate<KeptKind>.self, Generate<BurstKind>.self, Generate<SlowKind>.self,
            Generate<IdleKind>.self, Generate<DatagramsKind>.self, Compare.self, Serve.self,
        ]
    )

    static func main() {
        holdStandardDescriptors()
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let word = arguments.first, !word.hasPrefix("-"), !subcommandNames.contains(word) {
            complain(unknown(word))
            exit(withError: ExitCode.validationFailure)
        }
        main(spelledOut(arguments))
    }

    /// `--json` may come without a place, which is standard output then; and a negative number is the value of the
    /// option before it, which can say what it thinks of it.
    static func spelledOut(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let next = rest.first ?? "--"
            if argument == "--json", next.hasPrefix("--") {
                result.append("--json=-")
            } else if argument.hasPrefix("--"), !argument.contains("="), isNegative(next) {
                result.append("\(argument)=\(next)")
                rest.removeFirst()
            } else {
                result.append(argument)
            }
        }
        return result
    }

    private static func isNegative(_ text: String) -> Bool {
        text.first == "-" && text.dropFirst().first?.isNumber == true
    }

    private static var subcommandNames: [String] {
        LoadShape.allCases.map(\.rawValue) + ["compare", "serve", "help"]
    }

    private static func unknown(_ word: String) -> String {
        let names = subcommandNames
        let guess = EditDistance.likelyName(for: word, among: names).map { "; did you mean \($0)?" } ?? "."
        return "unknown subcommand \"\(printable(word))\"\(guess) There are \(names.joined(separator: ", "))."
    }
}

let programVersion = "bench-accept 0.3.0"
