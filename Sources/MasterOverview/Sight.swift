//===----------------------------------------------------------------------===//
// Quartermaster: what is known about master at one moment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import StatusPage
package import WorkerPage

/// A status page and what its reader found around it. Everything that is shown is made of this.
package struct Sight: Equatable, Sendable {
    package var overview: Overview
    /// The reader's CLOCK_MONOTONIC when the page was read, in milliseconds.
    package var now: Int64
    package var life: MasterLife
    /// What daemons on our skeletons have counted; nil where that is not known, or not wanted.
    package var workers: WorkerOverview?
    /// What services have counted themselves; nil where that is not known, or not wanted.
    package var own: MetricsOverview?
    /// Connections that are open, by the pid of the process that has them: of daemons on our skeletons, where that is
    /// known.
    package var open: [UInt32: UInt64] = [:]

    package init(_ overview: Overview, now: Int64, life: MasterLife) {
        self.overview = overview
        self.now = now
        self.life = life
    }

    /// master is awake every 10 seconds at least, and has a right to be late.
    package static let longestSilence: Int64 = 30_000

    /// Time since master was awake last.
    package var silence: Int64 { max(now - overview.heartbeat, 0) }

    /// Whether what the page says is what is the case now.
    package var isCurrent: Bool {
        switch life {
        case .runs: silence <= Self.longestSilence
        case .isStopped, .isGone: false
        }
    }

    /// The moment for which lasting states are counted: that of a dead or stopped master stays where it was.
    package var shownMoment: Int64 { isCurrent ? now : overview.heartbeat }

    /// Milliseconds since 1970 of a moment of CLOCK_MONOTONIC.
    package func realTime(_ moment: Int64) -> Int64 {
        overview.master.realClock &+ (moment &- overview.master.monotonicClock)
    }
}

/// What became of the process that writes the page.
package enum MasterLife: Equatable, Sendable {
    /// It holds its lock.
    case runs
    /// It holds its lock, and is stopped by a signal or a debugger.
    case isStopped
    /// Nobody holds its lock.
    case isGone

    package var name: String {
        switch self {
        case .runs: "running"
        case .isStopped: "stopped"
        case .isGone: "dead"
        }
    }
}

extension Sight {
    /// In one word: that of the page, or what is the matter with its writer.
    package var stateName: String {
        switch life {
        case .isGone: "dead"
        case .isStopped: "stopped"
        case .runs: isCurrent ? overview.master.state.name : "silent"
        }
    }

    /// How a service is called: as in master.cf, with its type; by its path where another has the same name and type.
    package func name(of service: ServiceOverview) -> String {
        (isAmbiguous(service) ? service.texts.canonicalName : service.texts.name) + "/" + service.texts.type
    }

    private func isAmbiguous(_ service: ServiceOverview) -> Bool {
        // One that was removed and is there again is the same to those who ask for it.
        others(likeThe: service).contains { $0.load.cover != .leaving }
    }

    private func others(likeThe service: ServiceOverview) -> [ServiceOverview] {
        overview.services.filter {
            $0.row != service.row && $0.texts.name == service.texts.name && $0.texts.type == service.texts.type
        }
    }

    /// What is left of a service that was removed and is there again: clients that are being finished, of which its
    /// successor under the same name knows nothing.
    package func isPredecessor(_ service: ServiceOverview) -> Bool {
        service.load.cover == .leaving && !others(likeThe: service).isEmpty
    }

    /// Whether an event is of this service. Events have the name as in master.cf, with the type, cut off where there is
    /// no more room.
    package func isAbout(_ event: EventEntry, _ service: ServiceOverview) -> Bool {
        let name = service.texts.name + "/" + service.texts.type
        let isCutOff = event.serviceName.utf8.count >= EventEntry.longestName - 3
        guard event.serviceName == name || isCutOff && name.hasPrefix(event.serviceName) else { return false }
        return !isAmbiguous(service) || event.service == UInt32(clamping: service.row)
    }

    /// The services that `name` may mean: `smtp`, `smtp/inet`, or a path; where there is none, those with this port, or
    /// with this program.
    package func services(named name: String) -> [ServiceOverview] {
        let found = overview.services.filter {
            let texts = $0.texts
            return name == texts.name || name == texts.canonicalName || name == texts.name + "/" + texts.type
                || name == texts.canonicalName + "/" + texts.type
        }
        if !found.isEmpty || name.isEmpty { return found }
        return overview.services.filter { service in
            let texts = service.texts
            let start = texts.program.lastIndex(of: "/").map { texts.program.index(after: $0) }
            if name == texts.program || name == texts.program[(start ?? texts.program.startIndex)...] { return true }
            return ["inet", "udp"].contains(texts.type)
                && (texts.name.hasSuffix(":" + name) || texts.canonicalName == name)
        }
    }
}

extension ServiceOverview {
    /// Sums of times go on while what they measure lasts.
    func busyTime(at moment: Int64) -> Int64 {
        let (passed, isTooLong) = Int64(load.busy).multipliedReportingOverflow(by: max(moment &- load.counted, 0))
        return load.busyTime &+ (isTooLong ? PageBounds.size : min(passed, PageBounds.size))
    }

    func saturatedTime(at moment: Int64) -> Int64 {
        load.saturatedTime &+ (load.cover == .saturated ? max(moment &- load.counted, 0) : 0)
    }

    func crowdedTime(at moment: Int64) -> Int64 {
        load.crowdedTime &+ (load.cover == .saturated && load.waiting > 0 ? max(moment &- load.counted, 0) : 0)
    }

    /// Whether the queue was full a moment ago; master counts once a second.
    func isOverflowing(at moment: Int64) -> Bool {
        counts.overflowTime > 0 && moment &- counts.overflowTime <= Self.longestLook
    }

    /// How old a look at the queue may be to tell of now: where clients may have to wait, master looks once a second.
    private static let longestLook: Int64 = 3000

    /// Clients in the queue; nil where that is not known. Where idle processes or master take whoever comes, nobody
    /// waits unless a look has just seen it.
    func waiting(at moment: Int64) -> Int32? {
        if load.waitingSeen > 0, moment &- load.waitingSeen <= Self.longestLook { return load.waiting }
        return load.idle > 0 || load.cover == .idleProcesses || load.cover == .master ? 0 : nil
    }

    var ends: UInt64 { counts.cleanEnds &+ counts.failedEnds &+ counts.killedEnds }

    /// Share of the processes there may be that are busy, where there is a limit; else of those there are.
    var utilisation: Double {
        let most = counts.processLimit > 0 ? counts.processLimit : total
        return most > 0 ? Double(load.busy) / Double(most) : 0
    }
}
