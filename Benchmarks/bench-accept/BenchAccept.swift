//===----------------------------------------------------------------------===//
// Quartermaster: bench-accept, load for services, every exchange accounted for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser

/// The command and its subcommands. Exit status 0: everything was answered, or refused by name; 1: something failed,
/// nobody was answered, or the ledger does not add up; 2: a condition of `--fail-if` holds, or a comparison shows
/// something worse; 64: the command line makes no sense.
@main
struct BenchAccept: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-accept",
        abstract: "Loads a service and accounts for every exchange by name.",
        discussion: """
            One of the kinds of load comes first: bench-accept storm --tcp HOST:PORT
            --preset echo. Each has its own --help with all options; bench-accept(1)
            explains them. Shell completions: --generate-completion-script SHELL.
            """,
        version: programVersion,
        subcommands: [
            Storm.self, Kept.self, Burst.self, Slow.self, Idle.self, Datagrams.self, Compare.self, Serve.self,
        ]
    )

    static func main() {
        main(withJSONPlace(Array(CommandLine.arguments.dropFirst())))
    }

    /// `--json` may come without a place, which is standard output then.
    static func withJSONPlace(_ arguments: [String]) -> [String] {
        arguments.enumerated().map { index, argument in
            let next = index + 1 < arguments.count ? arguments[index + 1] : "--"
            return argument == "--json" && next.hasPrefix("--") ? "--json=-" : argument
        }
    }
}

let programVersion = "bench-accept 0.2.0"
