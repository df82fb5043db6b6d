//===----------------------------------------------------------------------===//
// Quartermaster: masterctl, for administrators of a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser

/// The command and its subcommands. Exit status 0: done; 1: refused, or not come out as asked; 2: no master is running
/// here; 64: the command line makes no sense.
@main
struct Masterctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "masterctl",
        abstract: "Steers a running master.",
        discussion: """
            Which master is meant is told by its configuration directory, -c. The
            manual is masterctl(8). Completions: --generate-completion-script SHELL.
            """,
        subcommands: steeringCommands
    )
}

/// What every subcommand takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("The configuration directory (default: $MAIL_CONFIG or /etc/postfix).", valueName: "dir"),
        completion: .directory
    )
    var configDirectory: String?

    @Flag(help: "Print JSON lines.")
    var json = false
}

extension ExitCode {
    /// No master is running here.
    static let notRunning = ExitCode(2)
}
