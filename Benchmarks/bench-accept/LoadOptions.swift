//===----------------------------------------------------------------------===//
// Quartermaster: the options of a load
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

/// All kinds of load take the same options; what does not go together is refused with a reason.
struct LoadOptions: ParsableArguments {
    @OptionGroup(title: "Where to") var place: PlaceOptions
    @OptionGroup(title: "What to say (TEXT: with escapes, or @FILE)") var words: WordOptions
    @OptionGroup(title: "How much") var amount: AmountOptions
    @OptionGroup(title: "How") var manner: MannerOptions
    @OptionGroup(title: "What to show") var faces: FaceOptions
}

struct PlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The service's UNIX socket.", valueName: "path"))
    var unix: String?

    @Option(help: ArgumentHelp("The service's TCP end point.", valueName: "host:port"))
    var tcp: String?

    @Option(help: ArgumentHelp("The service's UDP end point.", valueName: "host:port"))
    var udp: String?

    @Option(help: ArgumentHelp("The service's FIFO.", valueName: "path"))
    var fifo: String?
}

struct WordOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What a known service wants to hear.", valueName: "name"))
    var preset: Preset?

    @Option(help: ArgumentHelp("What the service says first.", valueName: "text"))
    var expectGreeting: String?

    @Option(help: ArgumentHelp("What each client says.", valueName: "text"))
    var send: String?

    @Option(help: ArgumentHelp("The reply (default: any); '' awaits none.", valueName: "text"))
    var expect: String?

    @Option(help: ArgumentHelp("Size of a made-up request (default: \(Preset.defaultSize)).", valueName: "bytes"))
    var size: Int?
}

struct AmountOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Clients at a time (default: 50).", valueName: "number"))
    var clients: Int?

    @Option(help: ArgumentHelp("Datagram sockets at a time (default: 2).", valueName: "number"))
    var senders: Int?

    @Option(help: ArgumentHelp("Exchanges in all.", valueName: "number"))
    var count: Int?

    @Option(help: ArgumentHelp("Instead of or beside --count (default: 5).", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("Load first that is not measured.", valueName: "seconds"))
    var warmUp: Double?

    @Option(help: ArgumentHelp("Open loop: exchanges a second, whoever waits.", valueName: "number"))
    var rate: Double?

    @Option(
        help: ArgumentHelp(
            """
            Open loop: a rate that changes. ramp:0..50000/10s, step:1000,+1000/2s, \
            spike:1000..50000/0.5s@5s, or a file.
            """,
            valueName: "profile"
        )
    )
    var profile: String?

    @Option(help: ArgumentHelp("Runs of this, one after the other (default: 1).", valueName: "number"))
    var `repeat`: Int?
}

struct MannerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Threads that make the load (default: 1).", valueName: "number"))
    var threads: Int?

    @Option(help: ArgumentHelp("Limit of one exchange (default: 10).", valueName: "seconds"))
    var timeout: Double?

    @Option(help: ArgumentHelp("Between two bytes of slow clients (default: 0.1).", valueName: "seconds"))
    var dribble: Double?

    @Option(
        help: ArgumentHelp(
            "Where connections come from: a network such as 127.0.0.0/8, a list a,b,c, @FILE, or none.",
            valueName: "addresses"
        )
    )
    var sources: String?

    @Option(help: ArgumentHelp("How connections end (default: fin).", valueName: "fin|rst"))
    var close: Closing?
}

enum Closing: String, CaseIterable, ExpressibleByArgument {
    case fin, rst
}

struct FaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write the record as JSON; - prints it.", valueName: "file"), completion: .file())
    var json: String?

    @Option(help: ArgumentHelp("Write the seconds as CSV.", valueName: "file"), completion: .file())
    var csv: String?

    @Option(help: ArgumentHelp("Write the histograms as an HDR log.", valueName: "file"), completion: .file())
    var hdr: String?

    @Option(help: ArgumentHelp("Write a page with charts.", valueName: "file"), completion: .file())
    var html: String?

    @Flag(inversion: .prefixedNo, help: "Show the run on the terminal (default: if it is one).")
    var live: Bool?

    @Option(help: ArgumentHelp("Exit with 2 if so: 'p99>10ms'. May be repeated.", valueName: "condition"))
    var failIf: [String] = []

    @Option(help: ArgumentHelp("Watch this server and its children. May be repeated.", valueName: "pid"))
    var pid: [Int32] = []
}

extension Preset: ExpressibleByArgument {}
