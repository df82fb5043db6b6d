//===----------------------------------------------------------------------===//
// Quartermaster: one run, measured
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What one run came to. Only what was measured: derived figures are computed properties.
package struct RunReport: Codable, Equatable, Sendable {
    /// Seconds since 1970 when the measured part began.
    package var startedAt: Double
    /// Length of the measured part, without warm-up.
    package var seconds: Double
    package var ledger: LedgerReport
    /// In the order in which an exchange goes through them; phases that did not occur are absent.
    package var phases: [PhaseReport]
    /// One entry a second or so, in order.
    package var timeline: [IntervalReport]
    package var generator: GeneratorReport
    /// Nil: the server was not watched.
    package var server: ServerReport?
    /// What the first failure looked like.
    package var firstProblem: String?

    package init(
        startedAt: Double,
        seconds: Double,
        ledger: LedgerReport,
        phases: [PhaseReport],
        timeline: [IntervalReport] = [],
        generator: GeneratorReport,
        server: ServerReport? = nil,
        firstProblem: String? = nil
    ) {
        self.startedAt = startedAt
        self.seconds = seconds
        self.ledger = ledger
        self.phases = phases
        self.timeline = timeline
        self.generator = generator
        self.server = server
        self.firstProblem = firstProblem
    }

    /// Answered exchanges a second.
    package var rate: Double { seconds > 0 ? Double(ledger.answered) / seconds : 0 }
}

/// Every exchange by the name of its end.
package struct LedgerReport: Codable, Equatable, Sendable {
    /// Exchanges begun.
    package var opened: Int
    /// Connections that these exchanges used, those included that the warm-up began.
    package var connections: Int
    package var answered: Int
    package var refused: Int
    /// Failures that occurred, by name.
    package var failed: [String: Int]
    /// Times that a full queue of the peer made us try again; not an outcome.
    package var retries: Int
    /// Replies to datagrams that answered nothing; nil: none were awaited.
    package var strays: StrayReplies?

    package init(
        opened: Int,
        connections: Int,
        answered: Int,
        refused: Int,
        failed: [String: Int] = [:],
        retries: Int = 0,
        strays: StrayReplies? = nil
    ) {
        self.opened = opened
        self.connections = connections
        self.answered = answered
        self.refused = refused
        self.failed = failed
        self.retries = retries
        self.strays = strays
    }

    package var errors: Int { failed.values.reduce(0, +) }
    /// Exchanges whose end was not counted; negative: some ended twice.
    package var unaccounted: Int { opened - answered - refused - errors }
    package var addsUp: Bool { unaccounted == 0 }
    /// Everything ended, nothing failed, and a client was answered.
    package var isClean: Bool { addsUp && errors == 0 && answered > 0 }
}

/// Replies to datagrams that are no end of an exchange.
package struct StrayReplies: Codable, Equatable, Sendable {
    package enum Kind { case late, duplicate, unexpected }

    /// To a datagram that was given up as lost.
    package var late = 0
    /// To one that was answered before.
    package var duplicate = 0
    /// To nothing that was sent, as far as can be told.
    package var unexpected = 0

    package init() {}

    package mutating func count(_ kind: Kind) {
        switch kind {
        case .late: late += 1
        case .duplicate: duplicate += 1
        case .unexpected: unexpected += 1
        }
    }

    package static func + (one: StrayReplies, other: StrayReplies) -> StrayReplies {
        var sum = one
        sum.late += other.late
        sum.duplicate += other.duplicate
        sum.unexpected += other.unexpected
        return sum
    }
}

/// How long one part of the exchanges took.
package struct PhaseReport: Codable, Equatable, Sendable {
    /// Names of the phases. `total` is from the (intended) start to the end of the exchange.
    package enum Name: String, Codable, CaseIterable, Sendable {
        case connect, firstByte = "first byte", exchange, close, total
    }

    package var name: Name
    /// The distribution, in nanoseconds, in buckets: value (the highest that falls in the bucket) and how many.
    package var buckets: [Bucket]
    package var minimum: Int64
    package var maximum: Int64
    package var mean: Double

    /// What is computed from the buckets is written for readers of the record, and not read back.
    private enum CodingKeys: String, CodingKey {
        case name, buckets, minimum, maximum, mean, percentiles
    }

    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        name = try members.decode(Name.self, forKey: .name)
        buckets = try members.decode([Bucket].self, forKey: .buckets)
        minimum = try members.decode(Int64.self, forKey: .minimum)
        maximum = try members.decode(Int64.self, forKey: .maximum)
        mean = try members.decode(Double.self, forKey: .mean)
    }

    package func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(name, forKey: .name)
        try members.encode(buckets, forKey: .buckets)
        try members.encode(minimum, forKey: .minimum)
        try members.encode(maximum, forKey: .maximum)
        try members.encode(mean, forKey: .mean)
        try members.encode(percentiles, forKey: .percentiles)
    }

    /// As JSON a pair of value and count, since there may be thousands.
    package struct Bucket: Codable, Equatable, Sendable {
        package var nanoseconds: Int64
        package var count: Int

        package init(nanoseconds: Int64, count: Int) {
            self.nanoseconds = nanoseconds
            self.count = count
        }

        package init(from decoder: any Decoder) throws {
            var pair = try decoder.unkeyedContainer()
            nanoseconds = try pair.decode(Int64.self)
            count = try pair.decode(Int.self)
        }

        package func encode(to encoder: any Encoder) throws {
            var pair = encoder.unkeyedContainer()
            try pair.encode(nanoseconds)
            try pair.encode(count)
        }
    }

    package init(name: Name, buckets: [Bucket], minimum: Int64, maximum: Int64, mean: Double) {
        self.name = name
        self.buckets = buckets
        self.minimum = minimum
        self.maximum = maximum
        self.mean = mean
    }

    package var count: Int { buckets.reduce(0) { $0 + $1.count } }

    /// In nanoseconds: the smallest value that `level` percent (0 to 100) of all do not exceed; 0 for no values.
    package func value(atPercentile level: Double) -> Int64 {
        let total = count
        if total == 0 { return 0 }
        // A hair less, so that 99.9 % of 1000 is the 999th value although 99.9 has no exact representation.
        let wanted = min(total, max(1, Int((level.nextDown * Double(total) / 100).rounded(.up))))
        var seen = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= wanted { return min(bucket.nanoseconds, maximum) }
        }
        return maximum
    }
}

/// A slice of the run.
package struct IntervalReport: Codable, Equatable, Sendable {
    /// Seconds from the start of the run to the end of the slice.
    package var at: Double
    package var seconds: Double
    package var answered: Int
    package var refused: Int
    package var failed: Int
    /// Of `total`.
    package var percentiles: Percentiles
    /// Connections open at the end of the slice.
    package var open: Int

    package init(
        at: Double,
        seconds: Double,
        answered: Int,
        refused: Int,
        failed: Int,
        percentiles: Percentiles,
        open: Int
    ) {
        self.at = at
        self.seconds = seconds
        self.answered = answered
        self.refused = refused
        self.failed = failed
        self.percentiles = percentiles
        self.open = open
    }

    package var rate: Double { seconds > 0 ? Double(answered) / seconds : 0 }
}

/// What making the load cost.
package struct GeneratorReport: Codable, Equatable, Sendable {
    package var userSeconds: Double
    package var systemSeconds: Double
    /// The busiest thread's share of one processor, 0 to 1.
    package var busiestThread: Double
    /// Exchanges of an open loop that began late because no client was free or the thread was busy.
    package var lateStarts: Int
    /// Those of them for which no client was free.
    package var lateForClients: Int

    package init(
        userSeconds: Double,
        systemSeconds: Double,
        busiestThread: Double,
        lateStarts: Int = 0,
        lateForClients: Int = 0
    ) {
        self.userSeconds = userSeconds
        self.systemSeconds = systemSeconds
        self.busiestThread = busiestThread
        self.lateStarts = lateStarts
        self.lateForClients = lateForClients
    }

    /// From here on the result says more about the generator than about the server.
    package static let limit = 0.95
    package var wasTheLimit: Bool { busiestThread >= Self.limit }
}

/// The CPU of one process, without its children's.
package struct NamedProcess: Codable, Equatable, Sendable {
    package var pid: Int32
    package var cpuSeconds: Double

    package init(pid: Int32, cpuSeconds: Double) {
        self.pid = pid
        self.cpuSeconds = cpuSeconds
    }
}

/// What the load cost the server's processes.
package struct ServerReport: Codable, Equatable, Sendable {
    package var userSeconds: Double
    package var systemSeconds: Double
    package var voluntarySwitches: Int
    package var involuntarySwitches: Int
    /// Most processes seen at once.
    package var processes: Int
    /// Largest sums over the processes at one moment, in bytes.
    package var residentBytes: Int
    package var proportionalBytes: Int
    package var privateBytes: Int
    /// What the CPU was read from, as `ProcessWatcher` names it.
    package var cpuClock: String?
    /// Processes whose memory could not be read, and is missing in the sums; nil: not known.
    package var unreadable: Int?
    /// Those that were asked for and lived at the end, each without its children.
    package var named: [NamedProcess]?

    package init(
        userSeconds: Double,
        systemSeconds: Double,
        voluntarySwitches: Int,
        involuntarySwitches: Int,
        processes: Int,
        residentBytes: Int,
        proportionalBytes: Int,
        privateBytes: Int,
        cpuClock: String? = nil,
        unreadable: Int? = nil,
        named: [NamedProcess]? = nil
    ) {
        self.userSeconds = userSeconds
        self.systemSeconds = systemSeconds
        self.voluntarySwitches = voluntarySwitches
        self.involuntarySwitches = involuntarySwitches
        self.processes = processes
        self.residentBytes = residentBytes
        self.proportionalBytes = proportionalBytes
        self.privateBytes = privateBytes
        self.cpuClock = cpuClock
        self.unreadable = unreadable
        self.named = named
    }

    /// Microseconds of CPU for one exchange.
    package func microseconds(perExchangeOf ledger: LedgerReport) -> Double {
        ledger.answered > 0 ? (userSeconds + systemSeconds) * 1e6 / Double(ledger.answered) : 0
    }
}
