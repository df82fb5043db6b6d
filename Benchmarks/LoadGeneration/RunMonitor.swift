//===----------------------------------------------------------------------===//
// Quartermaster: what watches a run while its workers work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import LoadReports
import SystemCalls

/// The thread that started a run, between start and end: signals become orders, and every second becomes an entry of
/// the timeline.
struct RunMonitor: ~Copyable {
    private enum Token: UInt32 {
        case signal = 1
        case news
    }

    private static let second: Int64 = 1_000_000_000
    /// How long a worker may take to deliver; what comes later counts to the next second.
    private static let deliveryLimit: Int64 = 100_000_000

    private let plan: LoadPlan
    private let links: [WorkerLink]
    private let news: DescriptorNumber
    private var loop: EventLoop
    /// Bytes that came from the threads: each sends one when it is ready, and one when it is done.
    private var heard = 0
    private var timeline: Timeline

    init(_ plan: LoadPlan, links: [WorkerLink], news: DescriptorNumber) throws(SystemError) {
        self.plan = plan
        self.links = links
        self.news = news
        timeline = Timeline(from: 0, spent: [])
        loop = try Self.makeLoop(plan, news)
    }

    private static func makeLoop(_ plan: LoadPlan, _ news: DescriptorNumber) throws(SystemError) -> EventLoop {
        var loop = try EventLoop(capacity: 4)
        _ = try loop.watch(news, for: .readable, token: EventToken(kind: Token.news.rawValue))
        if plan.stopsOnSignals {
            // They may have been blocked when we were started.
            try unblockAllSignals()
            _ = try loop.watchSignal(.interrupt, token: EventToken(kind: Token.signal.rawValue))
            _ = try loop.watchSignal(.terminate, token: EventToken(kind: Token.signal.rawValue))
        }
        return loop
    }

    var intervals: [IntervalReport] { timeline.soFar.intervals }

    mutating func waitUntilReady() throws(SystemError) {
        while heard < links.count { try turn(until: .max) }
    }

    mutating func watchUntilFinished(from start: Int64, _ tell: (LoadNews) -> Void) throws(SystemError) {
        let measureFrom = start + plan.warmUpNanoseconds
        while Clock.monotonicNanoseconds() < measureFrom, !isFinished { try turn(until: measureFrom) }
        tell(.measuring)
        let hasWarmUp = plan.warmUpNanoseconds > 0
        if hasWarmUp { try collect() }
        timeline = Timeline(from: measureFrom, spent: links.map { hasWarmUp ? $0.spentNanoseconds : 0 })
        var last = measureFrom
        while !isFinished {
            try turn(until: last + Self.second)
            let now = Clock.monotonicNanoseconds()
            if isFinished || now < last + Self.second { continue }
            try collect()
            last = now
            noteDraining(at: now - measureFrom)
            timeline.close(links.map { $0.takeDelivery() }, at: now, isShort: false)
            tell(.interval(timeline.soFar))
        }
        let now = max(Clock.monotonicNanoseconds(), measureFrom)
        timeline.close(links.map { $0.takeDelivery() }, at: now, isShort: now - last < Self.second / 4)
        tell(.interval(timeline.soFar))
        tell(.ended(isInterrupted: links.contains(where: \.isStopping)))
    }

    /// No thread touches anything any more.
    private var isFinished: Bool { heard >= 2 * links.count }

    private mutating func noteDraining(at nanoseconds: Int64) {
        if nanoseconds >= plan.limit.nanoseconds || links.contains(where: \.isStopping) { timeline.noteDraining() }
    }

    private mutating func turn(until moment: Int64) throws(SystemError) {
        let left = moment == .max ? nil : max((moment - Clock.monotonicNanoseconds() + 999_999) / 1_000_000, 0)
        try loop.turn(waitingAtMost: left)
        while let occurrence = loop.next() {
            switch Token(rawValue: occurrence.token.kind) {
            case .news?: heard += try news.read(atMost: 64)?.count ?? 0
            case .signal?: for link in links { link.stop() }
            case nil: preconditionFailure("an event without a watcher")
            }
        }
    }

    private mutating func collect() throws(SystemError) {
        for link in links { link.ask() }
        let limit = Clock.monotonicNanoseconds() + Self.deliveryLimit
        while !links.allSatisfy(\.hasDelivered), Clock.monotonicNanoseconds() < limit {
            try turn(until: Clock.monotonicNanoseconds() + 1_000_000)
        }
    }
}
