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

    @Option(help: ArgumentHelp("Take UNIX datagrams, and drop them.", valueName: "path"))
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
        do {
            try? raiseDescriptorLimit()
            let plan = try makePlan()
            var server = try BareServer(plan)
            // Scripts wait for this line.
            _ = print("serving \(plan.target.description)\n", to: .standardOutput)
            try server.run()
        } catch let error as SystemError {
            complain("\(place): \(error); no longer served")
            throw ExitCode.failure
        }
    }

    private var place: String { unix ?? tcp ?? unixDatagrams ?? udp ?? "" }

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
