//===----------------------------------------------------------------------===//
// Quartermaster: the decisions of master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Decides when to listen, spawn, throttle, wake and retire: values in, effects out.
///
/// `MasterPolicy` is the part of master that decides whether, when and how many; it knows no system call, clock or
/// log. Events have names in the past tense and come with the time; what follows from them is appended to `effects`,
/// which the caller fetches and carries out in order. Nothing a child sends can stop it: what makes no sense is noted
/// and ignored. The tables it follows are in `Service` (who covers the endpoints) and `Child` (what a report means).
package struct Policy: Sendable {
    package internal(set) var effects: [Effect] = []
    package var counters = PolicyCounters()

    /// Indexed by `ServiceID.index`; slots of removed services are used again.
    var services: [Service] = []
    var children: ChildTable
    /// Number of the last fork attempt of any service.
    var lastGeneration = Generation.none
    /// The service whose reports are being read; its watch is settled once, at the end.
    var batch: ServiceID?
    /// Services whose turn has not come yet in a reload that is spread out. Follows from their state.
    var turnsLeft = 0
    /// What is to be told; `Policy+Changes.swift`.
    var changes = ChangeList()
    /// Whether changes of coverage are noted. Off, they cost nothing.
    package var isVerbose = false

    /// The expected numbers only decide how much memory is set aside; both may be exceeded.
    package init(expectedServices: Int = 64, expectedChildren: Int = 256) {
        children = ChildTable(expectedChildren: expectedChildren)
        services.reserveCapacity(expectedServices)
        effects.reserveCapacity(expectedServices * 4 + expectedChildren)
    }

    /// Moves the effects to the caller's array, whose old elements are dropped. Both keep their memory, so that a
    /// caller that always passes the same array makes this free of allocation.
    package mutating func handOverEffects(into batch: inout [Effect]) {
        if !batch.isEmpty { batch.removeAll(keepingCapacity: true) }
        swap(&effects, &batch)
    }

    mutating func want(_ effect: Effect) { effects.append(effect) }

    mutating func note(_ note: PolicyNote) { effects.append(.note(note)) }

    /// The slot of a service that is active or leaving; nil for one that is gone.
    func slot(of id: ServiceID) -> Int? {
        let slot = Int(id.index)
        guard services.indices.contains(slot), services[slot].id == id, services[slot].stage != .vacant else {
            return nil
        }
        return slot
    }

    /// The slot of a service that is not being removed.
    func activeSlot(of id: ServiceID) -> Int? {
        slot(of: id).flatMap { services[$0].stage == .active ? $0 : nil }
    }
}

// Adding, and who watches.
extension Policy {
    /// A service begins: its endpoints exist, they are not watched, and it has no channel yet.
    package mutating func addService(_ rules: ServiceRules, now: PolicyTime) -> ServiceID {
        let slot = vacantSlot(rules)
        let id = services[slot].id
        services[slot].stage = .active
        services[slot].figures = ServiceFigures(since: now)
        services[slot].isAwaitingFirstUse = rules.isWakeupConditional
        counters.servicesAdded += 1
        tell(slot, [.load, .figures, .identity])
        want(.openStatusChannel(id))
        settleWatch(slot, now)
        startWakeups(slot, now)
        return id
    }

    private mutating func vacantSlot(_ rules: ServiceRules) -> Int {
        if let slot = services.firstIndex(where: { $0.stage == .vacant }) {
            let id = ServiceID(index: Int32(slot), generation: services[slot].id.generation &+ 1)
            services[slot] = Service(id: id, rules: rules)
            return slot
        }
        services.append(Service(id: ServiceID(index: Int32(services.count), generation: 1), rules: rules))
        return services.count - 1
    }

    /// Brings the watch in line with the counts, after every event that can change them.
    mutating func settleWatch(_ slot: Int, _ now: PolicyTime, telling what: Untold = [.load, .figures]) {
        let (before, after) = services[slot].settleCoverage(now)
        tell(slot, what)
        if services[slot].watch != services[slot].watchWanted { changeWatch(slot) }
        if isVerbose, before != after { noteCoverage(slot) }
        measureIfDue(slot)
        if services[slot].keepsWaiting { countSoon(slot, now) }
        guard after == .saturated else {
            services[slot].figures.isCrowded = false
            return
        }
        if before != .saturated { counters.limitsReached += 1 }
        noteLimit(slot, now)
    }

    /// A client that comes means another thing for each way of watching, so one ends before the other begins.
    private mutating func changeWatch(_ slot: Int) {
        let (before, after) = (services[slot].watch, services[slot].watchWanted)
        services[slot].watch = after
        services[slot].owed.remove(.watch)
        if before != .none {
            counters.watchStops += 1
            want(.unwatchEndpoints(services[slot].id))
        }
        if after != .none {
            counters.watchStarts += 1
            want(.watchEndpoints(services[slot].id))
        }
    }

    private mutating func noteCoverage(_ slot: Int) {
        let service = services[slot]
        note(.covered(service.id, service.coverage, idle: service.idle, total: service.total))
    }

    /// Of services that stress adapts to, as Postfix does, whether a client waits or not; but not while a retired child
    /// is about to make room. For all services there is `noteWait`.
    private mutating func noteLimit(_ slot: Int, _ now: PolicyTime) {
        let service = services[slot]
        guard service.rules.isStressEligible, service.retiredIdle == 0 else { return }
        guard service.isWarningDue(after: service.lastLimitNote, now) else { return }
        services[slot].lastLimitNote = now
        counters.limitNotes += 1
        services[slot].suffered(.processLimit, number: service.rules.processLimit, now)
        note(.processLimit(service.id, limit: service.rules.processLimit))
    }
}
