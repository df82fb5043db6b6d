//===----------------------------------------------------------------------===//
// Quartermaster: the kinds of load as subcommands
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

/// A subcommand that loads a service; only its shape differs.
protocol LoadCommand: ParsableCommand {
    static var shape: LoadShape { get }
    var options: LoadOptions { get }
}

extension LoadCommand {
    /// What makes no sense is said before anything is begun.
    func validate() throws {
        _ = try options.makePlan(Self.shape)
        _ = try options.faces.makeConditions()
        try options.faces.checkOutput()
    }

    func run() throws {
        var session = try Session(options, plan: options.makePlan(Self.shape))
        let status = try session.run()
        if status != 0 { throw ExitCode(status) }
    }
}

struct Storm: LoadCommand {
    static let shape = LoadShape.storm
    static let configuration = CommandConfiguration(abstract: "A connection for every exchange.")
    @OptionGroup var options: LoadOptions
}

struct Kept: LoadCommand {
    static let shape = LoadShape.kept
    static let configuration = CommandConfiguration(abstract: "One exchange after the other on connections that stay.")
    @OptionGroup var options: LoadOptions
}

struct Burst: LoadCommand {
    static let shape = LoadShape.burst
    static let configuration = CommandConfiguration(abstract: "All clients at once, one exchange each.")
    @OptionGroup var options: LoadOptions
}

struct Slow: LoadCommand {
    static let shape = LoadShape.slow
    static let configuration = CommandConfiguration(abstract: "A storm of clients that send byte by byte.")
    @OptionGroup var options: LoadOptions
}

struct Idle: LoadCommand {
    static let shape = LoadShape.idle
    static let configuration = CommandConfiguration(abstract: "Connections that are held open.")
    @OptionGroup var options: LoadOptions
}

struct Datagrams: LoadCommand {
    static let shape = LoadShape.datagrams
    static let configuration = CommandConfiguration(abstract: "Datagrams or FIFO writes, from sockets that stay.")
    @OptionGroup var options: LoadOptions
}
