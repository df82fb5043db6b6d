//===----------------------------------------------------------------------===//
// Quartermaster: masterctl, for administrators of a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser

import enum Diagnostics.BuildMark
import func SystemCalls.holdStandardDescriptors

/// The command and its subcommands. Exit status 0: done, or nothing wrong; 1: refused, not come out as asked, or
/// something is wrong; 2: no master is running here, or it has no status page; 64: the command line makes no sense.
@main
struct Masterctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "masterctl",
        abstract: "Shows what a master does, and steers it.",
        discussion: """
            Which master is meant is told by its configuration directory: -c dir,
            before or behind the command. The manual is masterctl(8). Completions:
            --generate-completion-script SHELL.
            """,
        version: "masterctl of Quartermaster \(BuildMark.text)",
        subcommands: viewingCommands + steeringCommands
    )

    static func main() {
        holdStandardDescriptors()
        switch CommandLineWords(Array(CommandLine.arguments.dropFirst()), commands: commandNames) {
        case .words(let words): main(words)
        case .unknownCommand(let text):
            complain(text)
            exit(withError: ExitCode.validationFailure)
        }
    }

    private static var commandNames: [String] {
        configuration.subcommands.map { $0._commandName } + ["help"]
    }
}

/// Where the configuration is.
struct PlaceOptions: ParsableArguments {
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp(
            "The configuration directory (default: $MAIL_CONFIG, or that of the package, or /etc/postfix).",
            valueName: "dir"
        ),
        completion: .directory
    )
    var configDirectory: String?
}

/// What nearly every subcommand takes.
struct CommonOptions: ParsableArguments {
    @OptionGroup var place: PlaceOptions
    @Flag(help: "Print JSON.") var json = false

    var configDirectory: String? { place.configDirectory }
}

extension ExitCode {
    /// No master is running here.
    static let notRunning = ExitCode(2)
}
