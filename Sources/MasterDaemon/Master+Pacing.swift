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
    var isQuiet = true
    /// Whose reports came.
    var heard: [ServiceID] = []

    mutating func count(_ event: MasterEvent) {
        isEmpty = false
        switch event {
        case .reportsArrived, .restEnds: break
        case .hangup, .childEnded, .endRequested, .exitTimeArrived, .reloadDue, .namesArrived, .endpointReadable,
            .throttleEnds, .wakeupDue, .lookDue, .retryDue, .removalDeadline, .wakeupReady, .wakeupDeadline,
            .controlCalled, .controlRetry, .controlReady, .controlDeadline, .checkSpoke, .checkDeadline,
            .drainRequested, .steeringLook, .steeringDeadline, .retirementStep, .reloadTurn, .outgoingLook,
            .keepAliveDue, .managerDue,
            .upgradeRequested, .trialSpoke, .trialDue:
            isQuiet = false
        }
    }

    mutating func begin() {
        isEmpty = true
        isQuiet = true
        heard.removeAll(keepingCapacity: true)
    }
}

// `ReportPacing` decides when; here the channels that were heard are left alone until a timer ends. The loop itself
// goes on: clients, ends of children, signals and the reports of other services are handled at once.
extension Master {
    func restAfterTurn() {
        // A turn in which nothing but a rest ended has read its reports and decided already.
        if turn.heard.isEmpty && turn.isQuiet { return }
        switch pacing.turnEnded(wasQuiet: turn.isQuiet, now: loop.now.nanoseconds) {
        case .listen: break
        case .rest: for id in turn.heard { rest(id) }
        }
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
            reports += drain(id)
            carryOut()
        }
        switch pacing.restEnded(reports: reports, wasQuiet: turn.isQuiet, now: loop.now.nanoseconds) {
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
