//===----------------------------------------------------------------------===//
// Quartermaster: masterctl's subcommands that read the status page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import MasterOverview
import StatusPage
import SystemCalls

let viewingCommands: [any ParsableCommand.Type] = [
    Status.self, Services.self, Processes.self, Top.self, Why.self, Events.self, Metrics.self,
]

extension CommonOptions {
    /// What there is to see now, and the services that are meant; nil for all.
    fileprivate func look(for service: String?) throws -> (sight: Sight, chosen: [ServiceOverview]?) {
        let system = try MailSystem(configDirectory: configDirectory)
        var sight = system.addingOpen(to: try system.look([.services, .processes]))
        system.addOwn(to: &sight)
        return (sight, try service.map { try system.services(named: $0, in: sight) })
    }
}

extension Sight {
    /// What the exit status says of master.
    func exit(isFine: Bool = true) throws {
        if life == .isGone { throw ExitCode.notRunning }
        if !isFine || !isCurrent { throw ExitCode.failure }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows whether master runs, and which services have something the matter with them.",
        discussion: """
            With a service, everything about it. When master is stopped or dead, its
            last state. Exit status 1: something is wrong, or the last reload was
            refused; 2: master is not running.
            """
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: serviceHelp) var service: String?

    func run() throws {
        let (sight, chosen) = try common.look(for: service)
        if common.json {
            printLine(sight.json(only: chosen))
        } else if let chosen {
            write(chosen.map { sight.statusText(of: $0, time: localTime) }.joined(separator: "\n"))
        } else {
            write(sight.statusText())
        }
        let isServed = (chosen ?? sight.overview.services).allSatisfy { !Verdict($0, in: sight).isTrouble }
        try sight.exit(isFine: isServed && (chosen != nil || !sight.isReloadOwed))
    }
}

struct Services: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows a line for each service.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        let sight = try MailSystem(configDirectory: common.configDirectory).look([.services, .processes])
        common.json ? printLine(sight.json(.services)) : write(sight.servicesText())
        try sight.exit()
    }
}

struct Processes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a line for each process, or for each of a service: what it does, and for how long."
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: serviceHelp) var service: String?

    func run() throws {
        let (sight, chosen) = try common.look(for: service)
        common.json ? printLine(sight.json(.processes, only: chosen)) : write(sight.processesText(chosen))
        try sight.exit()
    }
}

struct Why: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says what stands between a service and its clients, and what to do.",
        discussion: """
            Without a service, of all that keep clients waiting. Exit status 1:
            something does; 2: master is not running.
            """
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: serviceHelp) var service: String?

    func run() throws {
        let system = try MailSystem(configDirectory: common.configDirectory)
        let sight = system.addingOpen(to: try system.look([.services, .processes]))
        let chosen = try service.map { try system.services(named: $0, in: sight) }
        let verdicts = (chosen ?? sight.overview.services).map { service in
            (sight.name(of: service), Verdict(service, in: sight, program: system.program(of: service)))
        }
        let shown = chosen == nil ? verdicts.filter { $0.1.isTrouble } : verdicts
        if common.json {
            for (name, verdict) in shown { printLine(verdict.json(name: name)) }
        } else if shown.isEmpty {
            printLine("every service takes clients")
        } else if chosen == nil, let warning = sight.warning, let (_, verdict) = shown.first {
            // It is the same of each.
            write(warning + "\n" + verdict.advice.map { $0 + "\n" }.joined())
        } else {
            write(shown.map { $0.1.text(name: $0.0) }.joined(separator: "\n"))
        }
        try sight.exit(isFine: verdicts.allSatisfy { !$0.1.isTrouble })
    }
}

struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints every figure in the text format of OpenMetrics.",
        discussion: """
            For Prometheus' node_exporter: write it to a file of its textfile
            collector, with --prometheus. The exit status is 0 when there is a page:
            whether master runs is told by quartermaster_up. What daemons have
            counted is told to root and to the mail owner.
            """
    )
    @OptionGroup var place: PlaceOptions
    @Flag(help: "Use Prometheus' older text format.") var prometheus = false

    func run() throws {
        let system = try MailSystem(configDirectory: place.configDirectory)
        var sight = try system.look(.services)
        system.addWork(to: &sight)
        write(sight.metrics(prometheus ? .prometheus : .openMetrics))
    }
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what master has decided lately: starts, ends, throttles, stress, reloads.",
        discussion: """
            The last 1024 events are kept. With --json, a line each. When events were
            lost because they came faster than they were read, it says how many.
            """
    )
    @OptionGroup var common: CommonOptions
    @Option(help: ArgumentHelp("Only those of so long ago at most: 90s, 5m, 2h, 1d.", valueName: "time"))
    var since: Age?
    @Option(help: ArgumentHelp("Only those of this kind.", valueName: "kind"), completion: .list(Self.kinds))
    var kind: String?
    @Flag(name: .shortAndLong, help: "Go on and show new ones, until interrupted.") var follow = false
    @Argument(help: serviceHelp) var service: String?

    private static let kinds = EventKind.allCases.map(\.name)

    func validate() throws {
        if let kind, EventKind(name: kind) == nil {
            throw ValidationError("there are no events \"\(kind)\". There are: \(Self.kinds.joined(separator: ", "))")
        }
    }

    func run() throws {
        let system = try MailSystem(configDirectory: common.configDirectory)
        var sight = try system.look([.services, .events])
        let chosen = try service.map { try system.services(named: $0, in: sight) }
        let oldest = since.map { Clock.millisecondsSince1970() - $0.milliseconds } ?? .min
        var last: UInt64 = 0
        while true {
            let isNew: (EventEntry) -> Bool = { $0.number > last && $0.time >= oldest }
            show(sight.overview.events.filter(isNew), after: last) { event in
                chosen.map { $0.contains { sight.isAbout(event, $0) } } ?? true
            }
            last = max(last, sight.overview.events.last?.number ?? 0)
            if !follow { break }
            if sight.life == .isGone { complain("master is not running any more") }
            try sight.exit()
            pause(milliseconds: 200)
            sight = try system.look([.services, .events])
            // Another master began to count.
            if let newest = sight.overview.events.last?.number, newest < last { last = 0 }
        }
        if let warning = sight.warning { complain(warning) }
        try sight.exit()
    }

    private func show(_ events: [EventEntry], after last: UInt64, isWanted: (EventEntry) -> Bool) {
        if last > 0, let first = events.first, first.number > last + 1 {
            complain("\(first.number - last - 1) events came and went before they could be read")
        }
        for event in events {
            if !isWanted(event) { continue }
            if let kind, event.kind?.name != kind { continue }
            printLine(common.json ? event.json : event.text(time: localTime))
        }
    }
}

/// A length of time with its unit.
struct Age: ExpressibleByArgument {
    let milliseconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
        guard let last = argument.last else { return nil }
        let unit = units[last]
        guard let number = Int64(unit == nil ? argument[...] : argument.dropLast()), 0...1_000_000_000 ~= number else {
            return nil
        }
        milliseconds = number * (unit ?? 1) * 1000
    }
}
