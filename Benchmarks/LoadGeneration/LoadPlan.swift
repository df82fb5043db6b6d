//===----------------------------------------------------------------------===//
// Quartermaster: what one run does, decided before it begins
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// When a run ends: no exchange begins after `exchanges` of them, nor after `nanoseconds`. Those under way are
/// finished.
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
    package let shape: LoadShape
    package let target: Target
    package let script: Script
    /// Clients at work at the same time, of all threads together.
    package let clients: Int
    package var limit: LoadLimit
    /// How long one exchange may take, from its real start; for a slow client, from its last byte.
    package var timeoutNanoseconds: Int64 = 10_000_000_000
    package var threads = 1
    /// Datagrams that one sender may have under way, when they are numbered and answered.
    package var outstanding = 1
    /// Nil: a closed loop, in which every client begins its next exchange when the last is over.
    package var pace: RateProfile?
    /// What happens before this time has passed is left out of everything reported.
    package var warmUpNanoseconds: Int64 = 0
    /// Between two bytes of a slow client.
    package var dribbleNanoseconds: Int64 = 100_000_000
    package var sources: [SocketAddress]
    /// Connections are closed with a reset.
    package var closesWithReset = false
    /// SIGINT and SIGTERM end the run early, with a report.
    package var stopsOnSignals = false

    package init(shape: LoadShape, target: Target, script: Script, clients: Int, limit: LoadLimit = LoadLimit()) {
        self.shape = shape
        self.target = target
        self.script = script
        self.clients = clients
        self.limit = limit
        sources = SourceAddresses.standard(for: target)
    }

    /// Datagrams that are answered.
    package var isRoundTrips: Bool { shape == .datagrams && script.awaitsAnything }

    /// What thread `index` does of it: its clients, exchanges and its place among the intended starts.
    func share(of index: Int) -> LoadShare {
        func part(_ whole: Int) -> Int { whole / threads + (index < whole % threads ? 1 : 0) }
        return LoadShare(
            index: index,
            clients: part(clients),
            exchanges: limit.exchanges == .max ? .max : part(limit.exchanges)
        )
    }
}

/// One thread's part of a plan.
struct LoadShare: Sendable {
    let index: Int
    let clients: Int
    let exchanges: Int
}
