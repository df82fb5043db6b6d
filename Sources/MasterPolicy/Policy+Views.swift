//===----------------------------------------------------------------------===//
// Quartermaster: looking at the policy's state
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// What is known about a service, for logs, tests and status displays.
package struct ServiceView: Hashable, Sendable {
    package let id: ServiceID
    package let coverage: Coverage
    package let processLimit: Int32
    package let isStressEligible: Bool
    package let idle: Int32
    /// Those that serve a client, retired ones included.
    package let busy: Int32
    package let starting: Int32
    /// Those that leave in a moment.
    package let retiredIdle: Int32
    package let total: Int32
    /// Those, none of its children, that finish the clients of children that have left.
    package let draining: Int32
    package let window: StartWindow
    package let looks: QueueLooks
    package let watch: EndpointWatch
    package let isThrottled: Bool
    package let throttledUntil: PolicyTime?
    package let nextWakeup: PolicyTime?
    package let isLeaving: Bool
    package let isSpawnInFlight: Bool
    package let isAwaitingFirstUse: Bool
    package let stressUntil: PolicyTime?
    package let steering: SteeringPhase
    package let wishes: SteeringWishes
    /// New clients are turned away.
    package let isRefusing: Bool
    /// Processes that the last drain has ended at its deadline.
    package let cutOff: Int32
    /// Processes that are being replaced and are still there; nil when none are.
    package let former: Int32?
    /// When its processes are told to leave, in a reload that is spread out.
    package let turnDue: PolicyTime?
    /// Endpoints that it has lost are kept for those in their queues.
    package let hasOutgoing: Bool

    /// Drained or disabled: no process is started.
    package var isHeld: Bool { coverage == .held }

    init(_ service: Service) {
        id = service.id
        coverage = service.coverage
        processLimit = service.rules.processLimit
        isStressEligible = service.rules.isStressEligible
        idle = service.idle
        busy = service.busy
        retiredIdle = service.retiredIdle
        starting = service.starting
        total = service.total
        draining = service.draining
        window = service.window
        looks = service.looks
        watch = service.watch
        isThrottled = service.isThrottled
        throttledUntil = service.throttle?.ends
        nextWakeup = service.wakeupDue
        isLeaving = service.stage == .leaving
        isSpawnInFlight = service.spawn != .none
        isAwaitingFirstUse = service.isAwaitingFirstUse
        stressUntil = service.stressUntil
        steering = service.steering.phase
        wishes = service.steering.wishes
        isRefusing = service.steering.isRefusing
        cutOff = service.steering.cutOff
        former = service.retirement?.former
        turnDue = service.turnDue
        hasOutgoing = service.outgoingEnd != nil
    }
}

/// What is known about a child.
package struct ChildView: Hashable, Sendable {
    package let pid: Int32
    package let generation: Generation
    package let service: ServiceID
    package let state: ChildState
    package let useCount: UInt32
    package let isNudged: Bool
    /// The fork.
    package let started: PolicyTime
    /// It is in this state since then, as far as was heard.
    package let since: PolicyTime
    /// How often it said TAKEN.
    package let uses: UInt32

    init(_ child: Child) {
        pid = child.pid
        generation = child.generation
        service = child.service
        state = child.state
        useCount = child.useCount
        isNudged = child.isNudged
        started = child.started
        since = child.since
        uses = child.uses
    }
}

// Read-only.
extension Policy {
    /// Nil when the service is gone.
    package func view(of id: ServiceID) -> ServiceView? {
        slot(of: id).map { ServiceView(services[$0]) }
    }

    /// Nil when there is no such child.
    package func view(ofChild pid: Int32) -> ChildView? {
        children.slot(of: pid).map { ChildView(children[$0]) }
    }

    /// `ServiceID.index` of all services there are; some of the numbers may be vacant.
    package var serviceIndices: Range<Int> { services.indices }

    /// Nil when the index is vacant.
    package func view(at index: Int) -> ServiceView? {
        services[index].stage == .vacant ? nil : ServiceView(services[index])
    }

    /// For tests.
    package var childCount: Int { children.count }

    /// Number of services that are active or leaving.
    package var serviceCount: Int { services.count { $0.stage != .vacant } }

    package func forEachChild(_ body: (ChildView) -> Void) {
        children.forEach { body(ChildView($0)) }
    }
}
