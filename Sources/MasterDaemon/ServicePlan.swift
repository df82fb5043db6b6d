//===----------------------------------------------------------------------===//
// Quartermaster: one service as it shall be
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

/// One service as the configuration wants it: its line in master.cf, with names resolved and defaults filled in. It
/// says what is to be made and never whether that exists.
struct ServicePlan: Equatable, Sendable {
    let entry: ServiceEntry
    let identity: ServiceIdentity
    let endpoint: EndpointPlan
    let backlog: Int
    /// What main.cf says about this service.
    var settings = ServiceSettings()

    var isLocalOnly: Bool {
        if let byType = entry.isLocalOnlyByType { return byType }
        return endpoint.addresses?.allSatisfy { $0.isLoopback } ?? true
    }

    /// How many clients may wait.
    func room(_ general: MainSettings) -> Endpoint.Room {
        Endpoint.Room(backlog: backlog, windowSize: general.tcpWindowSize, receiveBuffer: settings.receiveBuffer)
    }

    /// What the policy has to know of all this.
    func rules(processors: Int) -> ServiceRules {
        ServiceRules(
            processLimit: Int32(clamping: entry.processLimit),
            throttleSeconds: Int32(clamping: settings.throttleSeconds),
            wakeupSeconds: Int32(clamping: entry.wakeupSeconds),
            isWakeupConditional: entry.wakeupIsConditional,
            isLocalOnly: isLocalOnly,
            concurrentStarts: Int32(clamping: settings.concurrentStarts > 0 ? settings.concurrentStarts : processors),
            warningSeconds: Int32(clamping: settings.warningSeconds)
        )
    }

    /// The name that messages show: `"smtp" (25)` without the quotes and brackets.
    var shown: (name: String, canonical: String) { (entry.nameAsWritten, identity.canonicalName) }

    /// Whether a running service does what this plan wants already. Where it stands in master.cf does not count, nor do
    /// sockets, which a running service keeps.
    func asksForNothingNew(of running: ServicePlan) -> Bool {
        var (entry, settings) = (entry, settings)
        entry.line = running.entry.line
        settings.listenBacklog = running.settings.listenBacklog
        settings.receiveBuffer = running.settings.receiveBuffer
        return entry == running.entry && settings == running.settings
    }

    /// This plan on the sockets that a service manager has opened for another one of the same identity.
    func keepingEndpoint(of running: ServicePlan) -> ServicePlan {
        ServicePlan(
            entry: entry,
            identity: identity,
            endpoint: running.endpoint,
            backlog: running.backlog,
            settings: settings
        )
    }

    /// This plan on sockets that were opened elsewhere.
    func listening(on endpoint: EndpointPlan) -> ServicePlan {
        ServicePlan(entry: entry, identity: identity, endpoint: endpoint, backlog: backlog, settings: settings)
    }
}
