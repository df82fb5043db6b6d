//===----------------------------------------------------------------------===//
// Quartermaster: masterctl's subcommands that ask master for something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import MasterControl

let steeringCommands: [any ParsableCommand.Type] = [
    Reload.self, Check.self, Drain.self, Resume.self, Retire.self, Release.self, Disable.self, Enable.self,
    Verbose.self, Stop.self, Upgrade.self, Version.self,
]

/// A subcommand that is one request to master.
protocol SteeringCommand: ParsableCommand {
    var common: CommonOptions { get }
    var request: ControlRequest { get throws }
    /// Seconds to wait for the answer; nil: as long as it takes.
    var limit: Int? { get throws }
}

/// One that has no deadline of its own.
protocol PatientCommand: SteeringCommand {
    var patience: PatienceOptions { get }
}

extension PatientCommand {
    var limit: Int? { get throws { try checked(patience.timeout) } }
}

struct PatienceOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Waits no longer for the answer; what was asked for goes on.", valueName: "seconds")
    )
    var timeout: Int?
}

extension SteeringCommand {
    var limit: Int? { get throws { nil } }

    func run() throws {
        let (request, limit) = (try request, try limit)
        let configDirectory = common.configDirectory
        let conversation = try Conversation(configDirectory: configDirectory)
        try conversation.hold(request, asJSON: common.json, within: limit)
    }
}

struct Reload: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads the configuration again, waits, and tells what changed or what is wrong.",
        discussion: """
            While main.cf is as it was, processes of services that have not changed
            stay as they are. A change of a table or a certificate is not seen: use
            --all then, or SIGHUP.
            """
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Flag(help: "Every process leaves when it is idle, as after SIGHUP.") var all = false

    var request: ControlRequest { .reload(all: all) }
}

struct Check: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks for everything that a reload would refuse, and changes nothing.",
        discussion: "What master --check does, for the running master, which goes on meanwhile."
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions

    var request: ControlRequest { .check }
}

struct Release: PatientCommand {
    static let configuration = CommandConfiguration(abstract: "Ends a throttle: processes may be started again.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: serviceHelp) var service: String

    var request: ControlRequest { get throws { .release(try reference(service)) } }
}

struct Drain: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lets the processes of a service leave, or of all services, and waits until they have.",
        discussion: """
            Processes finish what they are doing. New clients wait, or are turned
            away with --refuse, until masterctl resume. When all services are
            drained, those of type inet come first, and the one that writes the log
            stays. The exit status is 1 when a process was cut off.
            """
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: serviceHelp) var service: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Ends processes that are still at work then.", valueName: "seconds")
    )
    var timeout: Int?
    @Flag(help: "Turns new clients away; those in the queue are served first.") var refuse = false

    var request: ControlRequest {
        get throws {
            .drain(
                try service.map { try reference($0) },
                ControlRequest.Drain(timeoutSeconds: try checked(timeout), refuses: refuse)
            )
        }
    }
}

struct Resume: PatientCommand {
    static let configuration = CommandConfiguration(abstract: "Serves again what was drained.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: serviceHelp) var service: String?

    var request: ControlRequest { get throws { .resume(try service.map { try reference($0) }) } }
}

struct Retire: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts fresh processes in the place of those that run, and waits until all are replaced.",
        discussion: "Fresh ones come first. When they fail, those that run stay."
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: serviceHelp) var service: String

    var request: ControlRequest { get throws { .retire(try reference(service)) } }
}

struct Disable: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turns clients of a service away until it is enabled, or until the next reload."
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: serviceHelp) var service: String

    var request: ControlRequest { get throws { .disable(try reference(service)) } }
}

struct Enable: PatientCommand {
    static let configuration = CommandConfiguration(abstract: "Serves again what was disabled.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: serviceHelp) var service: String

    var request: ControlRequest { get throws { .enable(try reference(service)) } }
}

struct Stop: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drains all services, ends master, and waits until that has come.",
        discussion: "The exit status is 1 when a process was cut off."
    )
    @OptionGroup var common: CommonOptions
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Ends processes that are still at work then.", valueName: "seconds")
    )
    var timeout: Int?

    var request: ControlRequest { get throws { .stop(timeoutSeconds: try checked(timeout)) } }
}

struct Upgrade: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has another program take over in the process of master, and waits until it has.",
        discussion: """
            Without a program, the one that is now where master was started from.
            Nothing stops meanwhile. A program that cannot take over leaves the
            running one as it was; the exit status is 1 then.
            """
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: "The absolute path of a program.") var program: String?

    var request: ControlRequest {
        get throws {
            if let program, !program.hasPrefix("/") || program.contains(" ") {
                throw ValidationError("a program is named by its absolute path, without a space")
            }
            return .upgrade(program: program)
        }
    }
}

struct Verbose: PatientCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has master log each decision and its reason, or stop doing so.",
        discussion: "Its processes keep logging as they do."
    )
    enum State: String, ExpressibleByArgument, CaseIterable { case on, off }

    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions
    @Argument(help: "on or off.") var state: State

    var request: ControlRequest { .verbose(state == .on) }
}

struct Version: PatientCommand {
    static let configuration = CommandConfiguration(abstract: "Prints which master is running.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var patience: PatienceOptions

    var request: ControlRequest { .version }
}

let serviceHelp: ArgumentHelp =
    "The first field of the service's line in master.cf, with /TYPE behind it where two share it."

/// A name that is one word, which is all that master.cf has.
func reference(_ text: String) throws -> ServiceReference {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
        throw ValidationError("\"\(text)\" is no name of a service")
    }
    return ServiceReference(text)
}

private func checked(_ seconds: Int?) throws -> Int? {
    guard let seconds, !(0...ControlRequest.longestTimeout ~= seconds) else { return seconds }
    throw ValidationError("--timeout wants seconds, from 0 to \(ControlRequest.longestTimeout)")
}
