//===----------------------------------------------------------------------===//
// Quartermaster: how children end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// A child's end is never an error of ours, whatever order it and its last report arrive in.
extension Policy {
    /// wait(2) told of a process.
    package mutating func childExited(pid: Int32, _ kind: ExitKind, now: PolicyTime) {
        guard let slot = children.slot(of: pid), let service = self.slot(of: children[slot].service) else {
            counters.unknownChildren += 1
            return note(.unknownChild(pid: pid))
        }
        let child = children[slot]
        // Where orphans become children of master, as in a container.
        if child.state == .draining {
            if case .stopped = kind { return }
            return forget(slot, of: service, now)
        }
        switch kind {
        case .stopped(let signal):
            counters.stops += 1
            return note(.stoppedBy(pid: pid, child.service, signal: signal))
        case .exited(status: 0):
            counters.normalExits += 1
            services[service].figures.cleanExits += 1
            note(.ended(pid: pid, child.service, uses: child.useCount))
        case .exited(let status):
            counters.failedExits += 1
            services[service].figures.failedExits += 1
            services[service].suffered(.exitStatus, pid: pid, number: status, now)
            note(.exitStatus(pid: pid, child.service, status: status))
            judgeStartup(of: child, service, now)
        case .signaled(let signal):
            counters.killedExits += 1
            services[service].figures.killedExits += 1
            // A removed service's children die of our own SIGTERM, which is nothing to tell; a drain has told already.
            if !child.isCutOff, services[service].stage == .active || signal != Self.terminate {
                services[service].suffered(.signal, pid: pid, number: signal, now)
                note(.killedBy(pid: pid, child.service, signal: signal))
            } else {
                note(.ended(pid: pid, child.service, uses: child.useCount))
            }
            judgeStartup(of: child, service, now)
        }
        if child.state == .starting { services[service].figures.neverReady += 1 }
        forget(slot, of: service, now)
    }

    /// Number of SIGTERM, the same on every system.
    private static var terminate: Int32 { 15 }

    /// A process that failed before it was of any use would fail again at once.
    private mutating func judgeStartup(of child: Child, _ service: Int, _ now: PolicyTime) {
        guard child.useCount == 0, !child.isCutOff, !services[service].isThrottled, services[service].stage == .active
        else { return }
        counters.badStartups += 1
        note(.badStartup(child.service))
        throttle(service, .failedStart, now)
    }

    mutating func forget(_ slot: Int, of service: Int, _ now: PolicyTime) {
        if children[slot].state == .draining { return forgetDraining(slot, of: service) }
        services[service].account(until: now)
        services[service].total -= 1
        services[service].count(children[slot].state, -1)
        let child = children[slot]
        if changes.isKept { changes.vacatedRows.append(children[slot].row) }
        children.remove(at: slot)
        // Whatever comes next begins from nothing, and perhaps with another program.
        if services[service].total == 0 { services[service].window.close() }
        // The child may have been woken for a client that it did not take any more.
        lookAfterEnd(service)
        settleWatch(service, now)
        countFormer(child, service)
        finishDrain(service)
        finishRemoval(service)
    }
}
