//===----------------------------------------------------------------------===//
// Quartermaster: bench-accept, load for services, every exchange accounted for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import SystemCalls

/// Makes a plan of the command line, runs it and prints the report. Exit status 0: everything was answered or refused by
/// name; 1: something failed, nobody was answered, or the ledger does not add up; 64: the command line makes no sense.
@main
struct BenchAccept: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-accept",
        abstract: "Loads a service and accounts for every exchange by name.",
        discussion: """
            storm: a connection for every exchange; kept: connections that stay; datagrams: to a UNIX socket.
            TEXT may use \\n \\r \\t \\0 \\xHH \\\\; in what is expected, one * stands for any bytes (\\*: a star).
            """,
        version: "bench-accept 0.1.0"
    )

    @Argument(help: "storm, kept or datagrams.")
    var mode: LoadMode

    @Option(help: ArgumentHelp("The service's UNIX socket.", valueName: "path"))
    var unix: String?

    @Option(help: ArgumentHelp("The service's TCP end point.", valueName: "host:port"))
    var tcp: String?

    @Option(help: ArgumentHelp("Clients at a time (default: 50).", valueName: "number"))
    var clients: Int?

    @Option(help: ArgumentHelp("Datagram sockets at a time (default: 2).", valueName: "number"))
    var senders: Int?

    @Option(help: ArgumentHelp("Exchanges in all.", valueName: "number"))
    var count: Int?

    @Option(help: ArgumentHelp("Instead of or beside --count (default: 5).", valueName: "seconds"))
    var duration: Double?

    @Option(help: "Say what echo, anvil or postlog wants to hear.")
    var preset: Preset?

    @Option(help: ArgumentHelp("What the service says first.", valueName: "text"))
    var expectGreeting: String?

    @Option(help: ArgumentHelp("What each client says.", valueName: "text"))
    var send: String?

    @Option(help: ArgumentHelp("The reply (default: any); '' awaits none.", valueName: "text"))
    var expect: String?

    @Option(help: ArgumentHelp("Size of a made-up request (default: \(Preset.defaultSize)).", valueName: "bytes"))
    var size: Int?

    @Option(help: ArgumentHelp("Limit of one exchange.", valueName: "seconds"))
    var timeout: Double = 10

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws { _ = try makePlan() }

    func run() throws {
        let plan = try makePlan()
        let report: LoadReport
        do {
            // More clients than this allows are counted as such.
            try? raiseDescriptorLimit()
            report = try LoadRun(plan).run()
        } catch {
            complain("bench-accept: \(error)\n")
            throw ExitCode.failure
        }
        write(json ? report.json : report.table, to: .standardOutput)
        if json, let problem = report.firstProblem { complain("bench-accept: first failure: \(problem)\n") }
        if !report.isClean { throw ExitCode.failure }
    }

    private func complain(_ text: String) { write(text, to: .standardError) }

    /// Whoever closed our output does not want it.
    private func write(_ text: String, to output: DescriptorNumber) {
        var rest = Array(text.utf8)
        while !rest.isEmpty, case .bytes(let count)? = try? output.write(rest) { rest.removeFirst(count) }
    }
}

extension LoadMode: ExpressibleByArgument {}
extension Preset: ExpressibleByArgument {}
