//===----------------------------------------------------------------------===//
// Quartermaster: LoadGeneration, clients that load a service and account for every exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import Foundation
package import LoadReports
package import SystemCalls

/// One run of a plan: starts the workers, each in a thread of its own, watches signals and seconds, and adds up.
package struct LoadRun {
    /// With two bytes from each, a pipe takes this many before it is read.
    package static let mostThreads = 1024

    private let plan: LoadPlan
    private let links: [WorkerLink]

    package init(_ plan: LoadPlan) {
        precondition((1...Self.mostThreads).contains(plan.threads) && plan.clients >= plan.threads)
        self.plan = plan
        links = (0..<plan.threads).map { _ in WorkerLink() }
    }

    /// Does it all.
    package func run(_ tell: (LoadNews) -> Void = { _ in }) throws(SystemError) -> RunReport {
        if case .fifo = plan.target.place { try Signal.pipe.ignore() }
        let go = try makePipe(nonBlocking: false)
        let news = try makePipe(nonBlocking: true)
        var monitor = try RunMonitor(plan, links: links, news: news.first.number)
        for index in links.indices {
            startThread(index, go: go.first.number, news: news.second.number)
        }
        try monitor.waitUntilReady()
        // A thread that cannot begin spoils it for all.
        for link in links where links.contains(where: \.hasFailed) { link.abort() }
        let start = Clock.monotonicNanoseconds()
        let startedAt = Date().timeIntervalSince1970 + Double(plan.warmUpNanoseconds) / 1e9
        for link in links { link.begin(at: start) }
        _ = try go.second.number.write([0])
        try monitor.watchUntilFinished(from: start, tell)
        return try report(startedAt: startedAt, measuredFrom: start + plan.warmUpNanoseconds, monitor.intervals)
    }

    private func startThread(_ index: Int, go: DescriptorNumber, news: DescriptorNumber) {
        let (plan, share, link) = (plan, plan.share(of: index), links[index])
        Thread.detachNewThread {
            // A byte before the work, one after it; the pipe holds more than all of them.
            do throws(SystemError) {
                if plan.isRoundTrips {
                    var trips = try RoundTrips(plan, share: share, link: link)
                    _ = try news.write([0])
                    _ = try go.waitForInput(milliseconds: -1)
                    link.finish(.success(try trips.run(from: link.startTime)))
                } else {
                    var worker = try Worker(plan, share: share, link: link)
                    _ = try news.write([0])
                    _ = try go.waitForInput(milliseconds: -1)
                    link.finish(.success(try worker.run(from: link.startTime)))
                }
            } catch {
                link.finish(.failure(error))
                if link.startTime == 0 { _ = try? news.write([0]) }
            }
            _ = try? news.write([0])
        }
    }

    private func report(
        startedAt: Double,
        measuredFrom: Int64,
        _ timeline: [IntervalReport]
    ) throws(SystemError) -> RunReport {
        var (sum, end, user, system, busiest) = (Account(), measuredFrom, Int64(0), Int64(0), 0.0)
        for link in links {
            guard let result = link.result else { preconditionFailure("a worker ended without a result") }
            let part = try result.get()
            sum.add(part.account)
            end = max(end, part.end)
            user += part.userNanoseconds
            system += part.systemNanoseconds
            let spent = Double(part.userNanoseconds + part.systemNanoseconds)
            if part.nanoseconds > 0 { busiest = max(busiest, min(spent / Double(part.nanoseconds), 1)) }
        }
        return RunReport(
            startedAt: startedAt,
            seconds: Double(end - measuredFrom) / 1e9,
            ledger: sum.ledger.report,
            phases: sum.phases.reports,
            timeline: timeline,
            generator: GeneratorReport(
                userSeconds: Double(user) / 1e9,
                systemSeconds: Double(system) / 1e9,
                busiestThread: busiest,
                lateStarts: sum.lateStarts,
                lateForClients: sum.lateForClients
            ),
            firstProblem: sum.firstProblem
        )
    }
}
