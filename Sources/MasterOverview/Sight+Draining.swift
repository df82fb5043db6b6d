//===----------------------------------------------------------------------===//
// Quartermaster: processes that finish the clients of others, as far as they are known
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage
import TerminalText

// They are no children of master, and in no count of a service. Where the processes were not read, there are none to
// tell of.
extension Sight {
    /// Processes of a service in this state.
    func processes(of service: ServiceOverview, _ state: ProcessState) -> [ProcessOverview] {
        overview.processes.filter {
            $0.state == state && Int($0.service) == service.row && UInt64($0.life) == service.texts.life
        }
    }

    /// Of all services.
    var drainingCount: Int { overview.processes.count { $0.state == .draining } }

    /// How many, for how many clients, and since when; nil where there are none.
    func drainingText(_ service: ServiceOverview) -> String? {
        let draining = processes(of: service, .draining)
        guard let first = draining.map(\.since).min() else { return nil }
        let clients = draining.compactMap { open[$0.pid] }.reduce(0, &+)
        let who = draining.count == 1 ? "1 process finishes" : "\(draining.count) processes finish"
        return "\(who) what others have left\(clients > 0 ? ": \(counted(clients, "client"))" : "")"
            + ", since \(span(shownMoment - first))"
    }

    /// What a process does, in a table.
    func stateText(_ process: ProcessOverview) -> String {
        guard process.state == .draining, let clients = open[process.pid] else { return process.state.name }
        return "\(process.state.name), \(counted(clients, "client"))"
    }
}
