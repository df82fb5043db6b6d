//===----------------------------------------------------------------------===//
// Quartermaster: status records: written, read, and their net effect
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import FixedMemory
import MasterDaemon
import MasterPolicy
import MasterProtocol
import SystemCalls

extension Comparison {
    static var status: [Comparison] {
        [
            Comparison("status-encode", times: 10_000) {
                OurWorkload(StatusEncoding())
            } peer: {
                PeerWorkload(CPEERS_STATUS_ENCODE, size: 0)
            },
            Comparison("status-decode-512", times: 100) {
                OurWorkload(StatusDecoding(StatusSample.records))
            } peer: {
                PeerWorkload(CPEERS_STATUS_DECODE, input: StatusSample.records)
            },
            effect("status-net-effect-512", of: StatusSample.records, times: 100),
            // What telling others of it adds to that.
            effect("status-publish-512", of: StatusSample.records, times: 100, publishes: true),
            // The dearest case: a turn for the reports of one process.
            effect("status-net-effect-2", of: StatusSample.pair, times: 1000),
            effect("status-publish-2", of: StatusSample.pair, times: 1000, publishes: true),
        ]
    }

    private static func effect(
        _ name: String,
        of records: [UInt8],
        times: Int,
        publishes: Bool = false
    ) -> Comparison {
        Comparison(name, times: times) {
            OurWorkload(try StatusNetEffect(records, publishes: publishes))
        } peer: {
            PeerWorkload(CPEERS_STATUS_NET_EFFECT, input: records)
        }
    }
}

/// What a hundred children of one service say in a while, as one read finds it: four times, 64 of them become busy and
/// then idle again.
private enum StatusSample {
    static let childCount = 100

    static func pid(_ child: Int) -> Int32 { 1000 + Int32(child) }

    static var records: [UInt8] {
        (0..<512).flatMap { record in
            bytes((record / 128 * 17 + record % 64) % childCount, record % 128 < 64 ? .taken : .available)
        }
    }

    /// One of them becomes busy, and is idle again.
    static var pair: [UInt8] { bytes(0, .taken) + bytes(0, .available) }

    private static func bytes(_ child: Int, _ availability: Availability) -> [UInt8] {
        let generation = Generation(rawValue: UInt32(child) + 1)
        let encoded = StatusReport(pid: pid(child), generation: generation, availability: availability).encoded
        return encoded.indices.map { encoded[$0] }
    }
}

private struct StatusEncoding: ~Copyable, Subject {
    private var bytes = FixedBytes(count: StatusReport.byteCount)

    mutating func run(_ times: Int) -> Int {
        var sum = 0
        for index in 0..<times {
            let report = StatusReport(pid: 1000, generation: UInt32(index), availability: Int32(index & 1))
            var target = bytes.mutableBytes
            report.encode(into: &target)
            sum += Int(bytes.bytes.rawByte(at: 8))
        }
        return sum
    }
}

private struct StatusDecoding: ~Copyable, Subject {
    private let records: FixedBytes

    init(_ records: [UInt8]) { self.records = FixedBytes(copying: records) }

    mutating func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            var stream = StatusStream()
            while let item = stream.next(
                in: records.bytes,
                plausible: { Availability(rawValue: $0.availability) != nil }
            ) {
                if case .report(let report) = item { sum += Int(report.pid) + Int(report.availability) }
            }
        }
        return sum
    }
}

/// The records of one read, applied to the policy as master does it.
private struct StatusNetEffect: ~Copyable, Subject {
    private let records: FixedBytes
    private var policy = Policy(expectedServices: 1, expectedChildren: StatusSample.childCount)
    private let service: ServiceID
    private var effects: [Effect] = []
    private let now = PolicyTime(milliseconds: 0)
    private var board: StatusBoard?

    /// - Parameter publishes: whether the effect of each read is told in a status page, as master does.
    init(_ records: [UInt8], publishes: Bool) throws {
        self.init(records)
        if publishes { try openBoard() }
    }

    private mutating func openBoard() throws {
        let path = "/tmp/quartermaster-micro-counts.\(processID())"
        var board = StatusBoard(path: path)
        try board.makePage(services: 1, processes: StatusSample.childCount, now: 0).get()
        try board.appear(now: 0)
        // It is mapped; nobody needs its name.
        try removeFile(path)
        policy.tellsChanges = true
        board.tell(&policy) { _, _ in nil }
        _ = board.beat(now: 0)
        board.rest(untilLook: .max)
        self.board = consume board
    }

    init(_ records: [UInt8]) {
        self.records = FixedBytes(copying: records)
        service = policy.addService(ServiceRules(processLimit: 0), now: now)
        for child in 0..<StatusSample.childCount { start(child) }
        for child in 0..<StatusSample.childCount { report(child, .available) }
        policy.handOverEffects(into: &effects)
    }

    private mutating func start(_ child: Int) {
        policy.endpointReadable(service, now: now)
        let generation = Generation(rawValue: UInt32(child) + 1)
        policy.spawned(service, pid: StatusSample.pid(child), generation: generation, now: now)
        report(child, .taken)
    }

    private mutating func report(_ child: Int, _ availability: Availability) {
        let generation = Generation(rawValue: UInt32(child) + 1)
        let report = StatusReport(pid: StatusSample.pid(child), generation: generation, availability: availability)
        policy.reportArrived(from: service, report, now: now)
    }

    mutating func run(_ times: Int) -> Int {
        let before = policy.counters.taken + policy.counters.available
        for _ in 0..<times {
            policy.beginReports(from: service)
            Self.apply(records, of: service, now, to: &policy)
            policy.endReports(now: now)
            policy.handOverEffects(into: &effects)
            if board?.tellReports(&policy, now: 0) == false { preconditionFailure("more was to be told than reports") }
        }
        return Int(policy.counters.taken + policy.counters.available - before)
    }

    private static func apply(
        _ records: borrowing FixedBytes,
        of service: ServiceID,
        _ now: PolicyTime,
        to policy: inout Policy
    ) {
        var stream = StatusStream()
        let bytes = records.bytes
        while let item = policy.next(of: &stream, in: bytes, mayContinue: false, from: service) {
            if case .report(let report) = item { policy.reportArrived(from: service, report, now: now) }
        }
    }
}
