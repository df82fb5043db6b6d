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
    package let idle: Int32
    package let starting: Int32
    package let total: Int32
    package let window: StartWindow
    package let looks: QueueLooks
    package let isThrottled: Bool
    package let isLeaving: Bool
    package let isSpawnInFlight: Bool
    package let isAwaitingFirstUse: Bool
    package let stressUntil: PolicyTime?

    package var isWatching: Bool { coverage == .uncovered }

    init(_ service: Service) {
        id = service.id
        coverage = service.coverage
        processLimit = service.rules.processLimit
        idle = service.idle
        starting = service.starting
        total = service.total
        window = service.window
        looks = service.looks
        isThrottled = service.isThrottled
        isLeaving = service.stage == .leaving
        isSpawnInFlight = service.spawn != .none
        isAwaitingFirstUse = service.isAwaitingFirstUse
        stressUntil = service.stressUntil
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

    init(_ child: Child) {
        pid = child.pid
        generation = child.generation
        service = child.service
        state = child.state
        useCount = child.useCount
        isNudged = child.isNudged
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

    package var childCount: Int { children.count }

    /// Number of services that are active or leaving.
    package var serviceCount: Int { services.count { $0.stage != .vacant } }

    package func forEachChild(_ body: (ChildView) -> Void) {
        children.forEach { body(ChildView($0)) }
    }
}
