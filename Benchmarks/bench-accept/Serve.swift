//===----------------------------------------------------------------------===//
// Quartermaster: a server with nothing behind it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import SystemCalls

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A bare server on one event loop, to know the machine's limit.",
        discussion:
            "It says again what it hears, or a fixed reply, until SIGINT or SIGTERM. When it is ready it prints one line."
    )

    @Option(help: ArgumentHelp("Listen on a UNIX socket.", valueName: "path"))
    var unix: String?

    @Option(help: ArgumentHelp("Listen on a TCP end point.", valueName: "host:port"))
    var tcp: String?

    @Option(help: ArgumentHelp("Take UNIX datagrams, and send them back.", valueName: "path"))
    var unixDatagrams: String?

    @Option(help: ArgumentHelp("Take UDP datagrams, and send them back.", valueName: "host:port"))
    var udp: String?

    @Option(help: ArgumentHelp("Say this first.", valueName: "text"))
    var greeting: String?

    @Option(help: ArgumentHelp("Say this to whatever a read brings.", valueName: "text"))
    var reply: String?

    @Flag(help: "Close behind a reply.")
    var close = false

    func validate() throws { _ = try makePlan() }

    func run() throws {
        let plan = try makePlan()
        var isServing = false
        do throws(SystemError) {
            try? raiseDescriptorLimit()
            var server = try BareServer(plan)
            isServing = true
            // Scripts wait for this line.
            _ = print("serving \(plan.target.description)\n", to: .standardOutput)
            try server.run()
        } catch {
            let place = plan.target.description
            complain(
                isServing ? "\(place): \(error); no longer served" : "cannot serve \(place): \(error)\(cure(error))"
            )
            throw ExitCode.failure
        }
    }

    /// What helps where the place cannot be had.
    private func cure(_ error: SystemError) -> String {
        let isPath = unix != nil || unixDatagrams != nil
        switch error.code {
        case .addressInUse where isPath: return " (a server is there, or a file that is no socket: choose another path)"
        case .addressInUse: return " (another program has it, as ss -lntup shows: choose another port, or end that one)"
        case .addressNotAvailable: return " (this machine has no such address)"
        case .permissionDenied where isPath: return " (the directory has to be writable for you)"
        case .permissionDenied: return " (a port below 1024 is root's)"
        case .noSuchFileOrDirectory: return " (the directory has to exist)"
        default: return ""
        }
    }

    private func makePlan() throws -> ServePlan {
        guard [unix, tcp, unixDatagrams, udp].compactMap(\.self).count == 1 else {
            throw ValidationError("one of --unix, --tcp, --unix-datagrams and --udp says where to listen")
        }
        let isDatagrams = unixDatagrams != nil || udp != nil
        if isDatagrams, greeting != nil || reply != nil || close {
            throw ValidationError("--greeting, --reply and --close are for connections")
        }
        return try reading("serve") {
            ServePlan(
                target: try makeTarget(),
                greeting: try greeting.map { try EscapedText.bytes(of: $0) } ?? [],
                reply: try reply.map { try EscapedText.bytes(of: $0) },
                closes: close
            )
        }
    }

    private func makeTarget() throws -> Target {
        if let unix { return try Target(unixPath: unix) }
        if let tcp { return try Target(tcp: tcp) }
        if let unixDatagrams { return try Target(unixPath: unixDatagrams, .datagram) }
        return try Target(udp: udp ?? "")
    }
}
