//===----------------------------------------------------------------------===//
// Quartermaster: what one run does, decided before it begins
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The three kinds of load.
package enum LoadMode: String, CaseIterable, Sendable {
    /// A connection for every exchange.
    case storm
    /// Connections that stay, with one exchange after the other.
    case kept
    /// UNIX datagrams, to which nobody replies.
    case datagrams
}

/// What is said in one exchange.
package struct Script: Equatable, Sendable {
    /// What the peer says first on a new connection; nil when it waits for us.
    package var greeting: Pattern?
    package var request: [UInt8]
    /// Nil: none is awaited.
    package var reply: Pattern?

    package init(greeting: Pattern? = nil, request: [UInt8] = [], reply: Pattern? = nil) {
        self.greeting = greeting
        self.request = request
        self.reply = reply
    }
}

/// When a run ends: no exchange begins after `exchanges` of them, nor after `nanoseconds`. Those under way are finished.
package struct LoadLimit: Equatable, Sendable {
    package let exchanges: Int
    package let nanoseconds: Int64

    package init(exchanges: Int = .max, nanoseconds: Int64 = .max) {
        self.exchanges = exchanges
        self.nanoseconds = nanoseconds
    }
}

/// Everything one run needs to know.
package struct LoadPlan: Sendable {
    package let mode: LoadMode
    package let target: Target
    package let script: Script
    /// Clients at work at the same time.
    package let clients: Int
    package let limit: LoadLimit
    /// How long one exchange may take.
    package let timeoutNanoseconds: Int64
    /// SIGINT and SIGTERM end the run early, with a report.
    package let stopsOnSignals: Bool

    package init(
        mode: LoadMode,
        target: Target,
        script: Script,
        clients: Int,
        limit: LoadLimit,
        timeoutNanoseconds: Int64,
        stopsOnSignals: Bool = false
    ) {
        self.mode = mode
        self.target = target
        self.script = script
        self.clients = clients
        self.limit = limit
        self.timeoutNanoseconds = timeoutNanoseconds
        self.stopsOnSignals = stopsOnSignals
    }
}
