//===----------------------------------------------------------------------===//
// Quartermaster: a service that exists: its sockets, its channel, its children's command line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

/// The deeds' side of one service; what is decided about it is the policy's. Owns the endpoints and both ends of the
/// status channel. The endpoints live until the service is removed; the channel is replaced at every reload.
final class RunningService {
    /// The policy's number for the service, from `Master.add` on.
    var id = ServiceID(index: -1, generation: 0)
    var plan: ServicePlan
    var listeners: DescriptorList
    /// How many of the listeners, the last ones, are of addresses that the service has lost; see `Relocation`.
    var outgoingCount = 0
    /// One watcher an endpoint, made when first needed.
    var endpointWatches: [WatchID] = []
    var channel: StatusChannel?
    var channelWatch: WatchID?
    /// While fresh processes take the place of others: the channel of those others.
    var formerChannel: StatusChannel?
    var formerWatch: WatchID?
    /// New clients find nobody.
    var isRefusing = false
    /// For messages that the children can bring about again and again.
    var gates = MessageGates.ofService
    /// For ends of children: ten a second are logged on the average, so that a crash loop does not fill the disk.
    var endGate = MessageGate(intervalSeconds: 10, limit: 100)
    /// Where the endpoint is for now, while its path belongs to another service that may yet stay.
    var temporaryPath: String?
    /// Whether a service manager has opened its sockets. They stay what they are, whatever main.cf says of addresses by
    /// now, and their files are the manager's.
    let isAdopted: Bool
    private var vector: ArgumentVector?

    init(
        _ plan: ServicePlan,
        listeners: consuming DescriptorList,
        channel: consuming StatusChannel?,
        temporaryPath: String? = nil,
        isAdopted: Bool = false
    ) {
        self.plan = plan
        self.listeners = listeners
        self.channel = consume channel
        self.temporaryPath = temporaryPath
        self.isAdopted = isAdopted
    }

    /// Builds the children's argument vector; the socket count is that of the sockets we hold, whatever the
    /// configuration says by now.
    func prepareArguments(isAttached: Bool, isVerbose: Bool, tellsStress: Bool) {
        vector = plan.entry.argumentVector(
            isAttached: isAttached,
            isVerbose: isVerbose,
            tellsStress: tellsStress,
            socketCount: listeners.count
        )
    }

    /// argv of the next child.
    func arguments(underStress: Bool) -> [String] {
        guard let vector else { return [plan.entry.command] }
        return underStress ? vector.underStress : vector.arguments
    }
}
