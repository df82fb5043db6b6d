//===----------------------------------------------------------------------===//
// Quartermaster: the kinds of load, and what tells them apart
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The kinds of load.
package enum LoadShape: String, CaseIterable, Sendable {
    /// A connection for every exchange.
    case storm
    /// Connections that stay, with one exchange after the other.
    case kept
    /// All clients at once, one exchange each; their connections stay until the last is answered.
    case burst
    /// A storm of clients that send byte by byte.
    case slow
    /// Connections that are held open and say nothing more.
    case idle
    /// Datagrams, or writes to a FIFO, from sockets that stay.
    case datagrams

    package var traits: ShapeTraits {
        switch self {
        case .storm: ShapeTraits()
        case .slow: ShapeTraits(sendsByteByByte: true)
        case .kept: ShapeTraits(part: .exchange, keepsConnection: true)
        case .burst: ShapeTraits(part: .exchange, keepsConnection: true, exchangesOnce: true, staysToTheEnd: true)
        case .idle: ShapeTraits(part: .opening, keepsConnection: true, exchangesOnce: true, holdsConnection: true)
        case .datagrams: ShapeTraits(part: .exchange, keepsConnection: true, isConnectionless: true)
        }
    }
}

/// All that a worker needs to know of a shape.
package struct ShapeTraits: Sendable {
    /// How far into the script an exchange goes.
    enum Part {
        case all, exchange, opening
    }

    private(set) var part = Part.all
    /// The next exchange has the same connection, unless the last one failed.
    package private(set) var keepsConnection = false
    /// A client has one exchange and is through then.
    package private(set) var exchangesOnce = false
    /// A client that is through keeps its connection until all are.
    private(set) var staysToTheEnd = false
    /// Behind its opening a connection only has to stay open.
    private(set) var holdsConnection = false
    /// A client rests behind each byte it sends.
    package private(set) var sendsByteByByte = false
    /// There is nothing to connect to: what waits for room to send waits for the receiver's queue.
    package private(set) var isConnectionless = false

    /// The step behind the last one.
    func lastStep(of script: CompiledScript) -> Int {
        switch part {
        case .all: script.steps.count
        case .exchange: script.repeatEnd
        case .opening: script.repeatStart
        }
    }
}
