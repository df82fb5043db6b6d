//===----------------------------------------------------------------------===//
// Quartermaster: the options of a load
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

struct LoadOptions<Kind: LoadKind>: ParsableArguments {
    @OptionGroup(title: "Where to") var place: PlaceOptions<Kind>
    @OptionGroup(title: "What to say (TEXT: with escapes, or @FILE)") var words: WordOptions<Kind>
    @OptionGroup(title: "How much") var amount: AmountOptions<Kind>
    @OptionGroup(title: "How") var manner: MannerOptions<Kind>
    @OptionGroup(title: "What to show") var faces: FaceOptions
}

struct PlaceOptions<Kind: LoadKind>: ParsableArguments {
    @Argument(help: Kind.help("http://HOST:PORT/PATH: HTTP, as --preset http.", "url", if: Kind.speaksHTTP))
    var url: String?

    @Option(help: Kind.help("The service's UNIX socket.", "path"))
    var unix: String?

    @Option(help: Kind.help("The service's TCP end point.", "host:port", if: Kind.connects))
    var tcp: String?

    @Option(help: Kind.help("The service's UDP end point.", "host:port", if: Kind.suitsDatagrams))
    var udp: String?

    @Option(help: Kind.help("The service's FIFO.", "path", if: Kind.suitsDatagrams))
    var fifo: String?
}

struct WordOptions<Kind: LoadKind>: ParsableArguments {
    @Option(help: Kind.help("What a known service wants to hear.", "name"))
    var preset: Preset?

    @Option(help: Kind.help("What the service says first.", "text", if: Kind.connects))
    var expectGreeting: String?

    @Option(help: Kind.help("What each client says; for HTTP, the body.", "text", if: Kind.speaks))
    var send: String?

    @Option(
        help: Kind.help(
            "The reply (default: \(Kind.connects ? "any" : "none")); '' awaits none.",
            "text",
            if: Kind.speaks
        )
    )
    var expect: String?

    @Option(
        help: Kind.help("Size of a made-up request (default: \(Preset.defaultSize)).", "bytes", if: Kind.speaks)
    )
    var size: Quantity?

    @Option(help: Kind.help("The method of HTTP (default: GET).", "name", if: Kind.speaksHTTP))
    var method: String?

    @Option(help: Kind.help("A header field of HTTP. May be repeated.", "name: value", if: Kind.speaksHTTP))
    var header: [String] = []
}

struct AmountOptions<Kind: LoadKind>: ParsableArguments {
    @Option(help: Kind.help("Clients at a time (default: 50).", "number", if: Kind.connects))
    var clients: Quantity?

    @Option(help: Kind.help("Datagram sockets at a time (default: 2).", "number", if: !Kind.connects))
    var senders: Quantity?

    @Option(
        help: Kind.help(
            "Numbered datagrams of a socket under way at a time (default: 1).",
            "number",
            if: !Kind.connects
        )
    )
    var outstanding: Quantity?

    @Option(help: Kind.help("Exchanges in all.", "number", if: Kind.repeats))
    var count: Quantity?

    @Option(
        help: Kind.help(
            Kind.repeats ? "Instead of or beside --count (default: 5s)." : "How long they are held (default: 5s).",
            "time",
            if: Kind.hasDuration
        )
    )
    var duration: Quantity?

    @Option(help: Kind.help("Load first that is not measured.", "time", if: Kind.repeats))
    var warmUp: Quantity?

    @Option(help: Kind.help("Open loop: exchanges a second, however many wait.", "number", if: Kind.repeats))
    var rate: Quantity?

    @Option(
        help: Kind.help(
            """
            Open loop: a rate that changes. ramp:0..50k/10s, step:1k,+1k/2s, \
            spike:1k..50k/500ms@5s, or a file.
            """,
            "profile",
            if: Kind.repeats
        )
    )
    var profile: String?

    @Option(help: Kind.help("Runs of this, one after the other (default: 1).", "number"))
    var `repeat`: Quantity?
}

struct MannerOptions<Kind: LoadKind>: ParsableArguments {
    @Option(help: Kind.help("Threads that make the load (default: 1).", "number"))
    var threads: Quantity?

    @Option(
        help: Kind.help("Limit of one exchange (default: 10s\(Kind.connects ? "" : "; 1s for a reply")).", "time")
    )
    var timeout: Quantity?

    @Option(help: Kind.help("Between two bytes of slow clients (default: 100ms).", "time", if: Kind.dribbles))
    var dribble: Quantity?

    @Option(
        help: Kind.help(
            "Where connections come from: a network such as 127.0.0.0/8, a list a,b,c, @FILE, or none.",
            "addresses",
            if: Kind.connects
        )
    )
    var sources: String?

    @Option(help: Kind.help("How connections end (default: fin).", "fin|rst", if: Kind.connects))
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
