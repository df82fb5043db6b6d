//===----------------------------------------------------------------------===//
// Quartermaster: what the policy knows, as the status page says it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol
import StatusPage

extension ServiceLoad {
    init(_ line: ServiceLine) {
        self.init()
        cover = ServiceCover(line.coverage, isDisabled: line.isDisabled)
        (starting, idle, busy, retired) = (line.starting, line.idle, line.busy, line.retiredIdle)
        waiting = line.clientsWaiting
        waitingSeen = line.lookedAt?.milliseconds ?? 0
        uses = line.uses
        counted = line.until.milliseconds
        busyTime = line.busyMilliseconds
        saturatedTime = line.saturatedMilliseconds
        crowdedTime = line.crowdedMilliseconds
    }
}

extension ServiceCover {
    init(_ coverage: Coverage, isDisabled: Bool) {
        self =
            switch coverage {
            case .leaving: .leaving
            case .held: isDisabled ? .disabled : .draining
            case .noChannel: .noChannel
            case .throttled: .throttled
            case .spawning: .starting
            case .idleChild: .idleProcesses
            case .saturated: .saturated
            case .uncovered: .master
            }
    }
}

extension ServiceCounts {
    init(_ view: ServiceView, _ figures: ServiceFigures) {
        self.init()
        processLimit = view.processLimit
        if view.isAwaitingFirstUse { flags.insert(.awaitsFirstUse) }
        if view.isStressEligible { flags.insert(.isStressEligible) }
        if view.isRefusing { flags.insert(.isRefusing) }
        added = figures.since.milliseconds
        throttledUntil = view.throttledUntil?.milliseconds ?? 0
        stressUntil = view.stressUntil?.milliseconds ?? 0
        nextWakeup = view.nextWakeup?.milliseconds ?? 0
        starts = figures.starts
        cleanEnds = figures.cleanExits
        failedEnds = figures.failedExits
        killedEnds = figures.killedExits
        neverReady = figures.neverReady
        throttles = figures.throttles
        stressOnsets = figures.stressOnsets
        wakeups = figures.wakeups
        troubleTime = figures.lastTrouble?.time.milliseconds ?? 0
        overflows = figures.overflows
        overflowTime = figures.lastOverflow?.milliseconds ?? 0
        queueRoom = figures.queueRoom
        readyTimes.sum = figures.readyTimes.sum
        for bucket in 0..<min(ReadyTimes.bucketCount, TimeHistogram.bucketCount) {
            readyTimes.counts[bucket] = figures.readyTimes[bucket]
        }
    }
}

extension ServiceTexts {
    init(_ view: ServiceView, _ plan: ServicePlan, _ trouble: ServiceTrouble?) {
        self.init()
        life = UInt64(view.id.generation)
        name = plan.entry.nameAsWritten
        type = plan.entry.type.rawValue
        canonicalName = plan.identity.canonicalName
        program = plan.entry.command
        self.trouble = trouble?.text ?? ""
    }
}

extension ProcessOverview {
    init(_ child: ChildLine) {
        self.init()
        pid = UInt32(bitPattern: child.pid)
        service = UInt32(bitPattern: child.service.index)
        life = child.service.generation
        generation = child.generation.rawValue
        state = ProcessState(child.state)
        started = child.started.milliseconds
        since = child.since.milliseconds
        uses = UInt64(child.uses)
    }
}

extension ProcessState {
    init(_ state: ChildState) {
        self =
            switch state {
            case .starting: .starting
            case .idle: .idle
            case .busy: .busy
            case .retiredIdle: .retired
            case .retiredBusy: .retiredBusy
            case .draining: .draining
            }
    }
}

extension ServiceTrouble {
    /// In a few words; when it was and in which service is told beside it.
    var text: String {
        switch kind {
        case .exitStatus: "process \(pid) exit status \(number)"
        case .signal: "process \(pid) killed by signal \(number)"
        case .forkFailed: "no process could be made: fork failed"
        case .noChannel: "no room in the kernel for a status channel"
        case .noWatch: "no room in the kernel for watching the sockets"
        case .queueStands: "clients waited and \(number) idle processes did not take them"
        case .processLimit: "the limit of \(number) processes was reached"
        case .removalForced: "\(number) processes of a removed service ignored SIGTERM"
        case .unknownStatus: "process \(pid) sent the unknown status \(number)"
        case .overflow: number == 1 ? "the queue overflowed" : "the queue overflowed \(number) times in a second"
        case .foreignReport: "process \(pid) of another service wrote to the status channel"
        }
    }
}

extension PolicyCounters {
    /// Nil for what the policy does not count.
    func value(_ counter: MasterCounter) -> UInt64? {
        switch counter {
        case .taken: taken
        case .available: available
        case .repeatedReports: repeatedReports
        case .staleReports: staleReports
        case .unknownReporters: unknownReporters
        case .unknownStatuses: unknownStatuses
        case .foreignReports: foreignReports
        case .spawnsWanted: spawnsWanted
        case .spawns: spawns
        case .spawnsAhead: spawnsAhead
        case .spawnsBesideIdle: spawnsBesideIdle
        case .spawnFailures: spawnFailures
        case .badStartups: badStartups
        case .throttles: throttles
        case .throttleReleases: throttleReleases
        case .watchStarts: watchStarts
        case .watchStops: watchStops
        case .looks: looks
        case .nudges: nudges
        case .watchFailures: watchFailures
        case .channelFailures: channelFailures
        case .limitsReached: limitsReached
        case .limitNotes: limitNotes
        case .stressOnsets: stressOnsets
        case .wakeups: wakeups
        case .wakeupsSkipped: wakeupsSkipped
        case .normalExits: normalExits
        case .failedExits: failedExits
        case .killedExits: killedExits
        case .stops: stops
        case .unknownChildren: unknownChildren
        case .retiredChildren: retiredChildren
        case .servicesAdded: servicesAdded
        case .servicesUpdated: servicesUpdated
        case .servicesRemoved: servicesRemoved
        case .removalsForced: removalsForced
        case .drains: drains
        case .refusals: refusals
        case .processesCutOff: processesCutOff
        case .retirements: retirements
        case .overflows: overflows
        case .reloads, .reloadsRefused: nil
        }
    }
}
