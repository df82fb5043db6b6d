//===----------------------------------------------------------------------===//
// Quartermaster: the services that master serves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterControl
import MasterPolicy
import SystemCalls

extension Master {
    func service(_ id: ServiceID) -> RunningService? {
        let index = Int(id.index)
        guard services.indices.contains(index), let service = services[index] else { return nil }
        let present = service.id
        return present.index == id.index && present.generation == id.generation ? service : nil
    }

    /// Adds a service to those that are served: its endpoints and its status channel exist already.
    func add(_ service: RunningService) {
        let id = policy.addService(rules(of: service.plan), now: now)
        service.id = id
        prepareArguments(service)
        while services.count <= Int(id.index) { services.append(nil) }
        services[Int(id.index)] = service
        tryOutCounting(service)
        if let drain = desk.drainOfAll, service !== logService {
            policy.drainAsked(id, within: nil, refusing: drain.refuses, now: now)
            desk.stopping?.append(id)
        }
        carryOut()
    }

    func prepareArguments(_ service: RunningService) {
        service.prepareArguments(
            isAttached: options.staysAttached,
            isVerbose: areChildrenVerbose,
            tellsStress: rules(of: service.plan).isStressEligible
        )
    }

    func rules(of plan: ServicePlan) -> ServiceRules {
        plan.rules(processors: processors)
    }

    /// As far as the kernel tells.
    func clientsWaiting(_ id: ServiceID) -> Int32 {
        guard let service = service(id) else { return 0 }
        return clientCounter.waiting(at: service.listeners, service.plan.endpoint)
    }

    func queueCount(_ id: ServiceID) -> QueueCount {
        guard let service = service(id) else { return QueueCount() }
        // Nobody takes clients from the queue of a service that is not served: while it is empty, one call tells all.
        if policy.view(of: id)?.coverage != .saturated, lookAtQueue(id) == .noClient { return .empty }
        return clientCounter.census(of: service.listeners, service.plan.endpoint)
    }

    /// The first question is the slowest: it is asked before a client waits for the answer.
    func tryOutCounting(_ service: RunningService) {
        if rules(of: service.plan).concurrentStarts > 1 {
            clientCounter.tryOut(service.listeners, service.plan.endpoint)
        }
    }
}
