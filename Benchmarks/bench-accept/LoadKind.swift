//===----------------------------------------------------------------------===//
// Quartermaster: which options a kind of load has
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

/// One kind of load, as a subcommand. An option that does not apply is left out of its help, and refused with a reason
/// instead of as unknown.
protocol LoadKind {
    static var shape: LoadShape { get }
    static var abstract: String { get }
}

enum StormKind: LoadKind {
    static let shape = LoadShape.storm
    static let abstract = "A connection for every exchange."
}

enum KeptKind: LoadKind {
    static let shape = LoadShape.kept
    static let abstract = "One exchange after the other on connections that stay."
}

enum BurstKind: LoadKind {
    static let shape = LoadShape.burst
    static let abstract = "All clients at once, one exchange each."
}

enum SlowKind: LoadKind {
    static let shape = LoadShape.slow
    static let abstract = "A storm of clients that send byte by byte."
}

enum IdleKind: LoadKind {
    static let shape = LoadShape.idle
    static let abstract = "Connections that are held open."
}

enum DatagramsKind: LoadKind {
    static let shape = LoadShape.datagrams
    static let abstract = "Datagrams or FIFO writes, from sockets that stay."
}

extension LoadKind {
    static var connects: Bool { shape != .datagrams }
    /// UDP sockets and FIFOs suit it.
    static var suitsDatagrams: Bool { shape == .datagrams || shape == .storm }
    static var speaks: Bool { shape != .idle }
    static var speaksHTTP: Bool { connects && speaks }
    static var repeats: Bool { !shape.traits.exchangesOnce }
    static var hasDuration: Bool { shape != .burst }
    static var dribbles: Bool { shape.traits.sendsByteByByte }

    static func help(_ text: String, _ value: String, if applies: Bool = true) -> ArgumentHelp {
        ArgumentHelp("\(text)", valueName: value, visibility: applies ? .default : .hidden)
    }
}
