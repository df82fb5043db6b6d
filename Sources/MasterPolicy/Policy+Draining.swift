//===----------------------------------------------------------------------===//
// Quartermaster: processes that finish the clients of children that have left
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// A child that is to leave and still has clients may leave them to a process of its own, so that another child takes
// its place at once. That process accepts nobody and reports nothing. Nothing waits for it but a drain, which ends it
// with the others at its deadline, and the number of a service that was removed.
extension Policy {
    /// The child `parent` is at its end, of which `childExited` will tell, and process `pid`, which is no child, has
    /// its clients.
    ///
    /// - Returns: false for what cannot be: then `pid` is not known afterwards, either.
    package mutating func clientsLeft(by parent: Int32, to pid: Int32, now: PolicyTime) -> Bool {
        guard pid > 0, children.slot(of: pid) == nil, let old = children.slot(of: parent),
            children[old].state != .draining, let slot = slot(of: children[old].service)
        else { return false }
        let id = services[slot].id
        let generation = children[old].generation
        let child = Child(pid: pid, generation: generation, service: id, state: .draining, started: now)
        tell(newChild: children.insert(child))
        services[slot].draining += 1
        tell(slot, [.load, .figures])
        note(.clientsLeft(pid: parent, id, to: pid))
        return true
    }

    /// The end of one that is no child.
    package mutating func drainingProcessEnded(_ pid: Int32) {
        guard let slot = children.slot(of: pid), children[slot].state == .draining,
            let service = self.slot(of: children[slot].service)
        else { return }
        forgetDraining(slot, of: service)
    }

    mutating func forgetDraining(_ slot: Int, of service: Int) {
        services[service].draining -= 1
        let pid = children[slot].pid
        if changes.isKept { changes.vacatedRows.append(children[slot].row) }
        children.remove(at: slot)
        tell(service, [.load, .figures])
        note(.drainingEnded(pid: pid, services[service].id))
        finishDrain(service)
        finishRemoval(service)
    }
}
