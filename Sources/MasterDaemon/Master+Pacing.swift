//===----------------------------------------------------------------------===//
// Quartermaster: letting reports that change nothing gather
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterPolicy

/// What one turn of the loop brought.
struct Turn {
    private(set) var isEmpty = true
    /// Whether it brought reports and nothing else, and nothing followed from them.
    private(set) var isQuiet = true
    /// The same, but for looks, and for watches and timers that were set: `StatusBoard.tellReports` tells all of it.
    private(set) var isPlain = true
    /// Whose reports came first; most of the time they are alone.
    var firstHeard: ServiceID?

    mutating func count(_ event: MasterEvent) {
        isEmpty = false
        switch event {
        case .reportsArrived, .restEnds: break
        case .lookDue: isQuiet = false
        case .hangup, .childEnded, .endRequested, .exitTimeArrived, .reloadDue, .namesArrived, .endpointReadable,
            .throttleEnds, .wakeupDue, .retryDue, .removalDeadline, .wakeupReady, .wakeupDeadline,
            .controlCalled, .controlRetry, .controlReady, .controlDeadline, .checkSpoke, .checkDeadline,
            .drainRequested, .steeringLook, .steeringDeadline, .retirementStep, .reloadTurn, .outgoingLook,
            .keepAliveDue, .managerDue, .upgradeRequested, .trialSpoke, .trialDue, .drainingEnded, .drainingDue:
            somethingHappened()
        }
    }

    mutating func count(_ effect: Effect) {
        isQuiet = false
        switch effect {
        case .watchEndpoints, .unwatchEndpoints, .startTimer, .cancelTimer, .lookAtQueue: break
        default: isPlain = false
        }
    }

    /// Neither of the two any more.
    mutating func somethingHappened() { (isQuiet, isPlain) = (false, false) }
}

// `ReportPacing` decides when; here the channels that were heard are left alone until a timer ends. The loop itself
// goes on: clients, ends of children, signals and the reports of other services are handled at once.
extension Master {
    func note(heard id: ServiceID) {
        if turn.firstHeard == nil { turn.firstHeard = id } else { heardBesides.append(id) }
    }

    func restAfterTurn() {
        // A turn in which nothing but a rest ended has read its reports and decided already.
        guard let first = turn.firstHeard else {
            if !turn.isQuiet { _ = pace { $0.turnEnded(wasQuiet: false, now: $1) } }
            return
        }
        if pace({ $0.turnEnded(wasQuiet: turn.isQuiet, now: $1) }) == .rest {
            rest(first)
            for id in heardBesides { rest(id) }
        }
        if !heardBesides.isEmpty { heardBesides.removeAll(keepingCapacity: true) }
    }

    /// On a copy, so that nothing has to be checked; see `moment`.
    @inline(__always)
    private func pace(_ decide: (inout ReportPacing, Int64) -> ReportPacing.Next) -> ReportPacing.Next {
        var copy = pacing
        defer { pacing = copy }
        return decide(&copy, moment.nanoseconds)
    }

    private func rest(_ id: ServiceID) {
        guard let service = service(id), service.channelWatch != nil || service.formerWatch != nil else { return }
        for watch in [service.formerWatch, service.channelWatch] { if let watch { loop.stop(watch) } }
        if !resting.contains(id) { resting.append(id) }
        armRest(ReportPacing.restMilliseconds)
    }

    private func armRest(_ milliseconds: Int64) {
        let timer = restTimer ?? loop.makeTimer(token: MasterEvent.restEnds.token)
        restTimer = timer
        loop.arm(timer, milliseconds: milliseconds)
    }

    /// What has gathered is read at once; channels that go on in the same way are left alone once more.
    func restEnded() {
        var reports = 0
        for id in resting {
            reports += readReports(of: id)
            carryOut()
        }
        switch pace({ $0.restEnded(reports: reports, wasQuiet: turn.isQuiet, now: $1) }) {
        case .rest: armRest(ReportPacing.restMilliseconds)
        case .listen: listenAgain()
        }
    }

    /// A channel that cannot be watched now stays on the list: it is read when the next rest ends.
    private func listenAgain() {
        resting.removeAll { id in
            guard let service = service(id) else { return true }
            return [service.formerWatch, service.channelWatch].allSatisfy { watch in
                watch.map { (try? loop.start($0)) != nil } ?? true
            }
        }
        if !resting.isEmpty { armRest(PolicyLimit.retryMilliseconds) }
    }
}
