//===----------------------------------------------------------------------===//
// Quartermaster: every exchange accounted for by name
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import LoadReports

/// How one exchange ended. The names are the ones of the report.
package enum Outcome: Int, CaseIterable, Sendable {
    case answered, refused, reset, timedOut, lost, shortReply, wrongReply, closedEarly
    case outOfDescriptors, outOfPorts, noSuchSocket, notBegun, abandoned, other

    package var name: String {
        switch self {
        case .answered: "answered"
        case .refused: "refused"
        case .reset: "reset"
        case .timedOut: "timed out"
        case .lost: "lost"
        case .shortReply: "short reply"
        case .wrongReply: "wrong reply"
        case .closedEarly: "closed early"
        case .outOfDescriptors: "out of descriptors"
        case .outOfPorts: "out of ports"
        case .noSuchSocket: "no such socket"
        case .notBegun: "not begun"
        case .abandoned: "abandoned"
        case .other: "other"
        }
    }

    /// Neither answered nor plainly turned away.
    package var isFailure: Bool { self != .answered && self != .refused }

    /// Trying again at once would only turn in circles.
    var wantsRest: Bool {
        switch self {
        case .refused, .outOfDescriptors, .outOfPorts, .noSuchSocket, .other: true
        case .answered, .reset, .timedOut, .lost, .shortReply, .wrongReply, .closedEarly, .notBegun, .abandoned: false
        }
    }
}

/// Counts exchanges: every one that was opened must end in exactly one outcome.
package struct Ledger: Sendable {
    /// Exchanges begun.
    package private(set) var opened = 0
    /// Connections that these exchanges used; fewer than `opened` when connections are kept.
    package var connections = 0
    /// Times that a full queue of the peer made us try again. Not an outcome: the exchange goes on.
    package var retries = 0
    /// Replies to datagrams that answered nothing; nil: none are awaited.
    package var strays: StrayReplies?
    private var counts = [Int](repeating: 0, count: Outcome.allCases.count)

    package init() {}

    package mutating func open() { opened += 1 }

    package mutating func settle(_ outcome: Outcome) { counts[outcome.rawValue] += 1 }

    /// Exchanges for which no client was free before the end.
    package mutating func miss(_ number: Int) {
        opened += number
        counts[Outcome.notBegun.rawValue] += number
    }

    package mutating func add(_ other: Ledger) {
        opened += other.opened
        connections += other.connections
        retries += other.retries
        if let more = other.strays { strays = (strays ?? StrayReplies()) + more }
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    package subscript(outcome: Outcome) -> Int { counts[outcome.rawValue] }

    /// Neither answered nor refused.
    var failures: Int { Outcome.allCases.reduce(0) { $0 + ($1.isFailure ? self[$1] : 0) } }

    package var report: LedgerReport {
        let failures = Outcome.allCases.filter { $0.isFailure && self[$0] > 0 }
        return LedgerReport(
            opened: opened,
            connections: connections,
            answered: self[.answered],
            refused: self[.refused],
            failed: Dictionary(uniqueKeysWithValues: failures.map { ($0.name, self[$0]) }),
            retries: retries,
            strays: strays
        )
    }
}
