//===----------------------------------------------------------------------===//
// Quartermaster: how the sockets of one service come to be, and go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import SystemCalls

extension RunningService {
    /// A service with sockets and a status channel that does not serve yet.
    static func make(
        _ plan: ServicePlan,
        at temporaryPath: String? = nil,
        owner: MailOwner,
        _ settings: MainSettings,
        _ log: Log
    ) throws(EndpointFailure) -> RunningService {
        // The channel first: it leaves no file behind when the sockets cannot be made.
        let channel = try Endpoint.step("socketpair") { () throws(SystemError) in try StatusChannel() }
        let listeners: DescriptorList
        if plan.endpoint.addresses != nil {
            listeners = try Endpoint.make(plan.endpoint, plan.room(settings))
            if let least = plan.shortBuffer(of: listeners.numbers) {
                log.warning(plan.problemOfBuffer(least, settings).logged)
            }
        } else {
            // What lies in the file system belongs to the mail owner.
            let endpoint = temporaryPath.map { EndpointPlan.path($0, plan.entry.type) } ?? plan.endpoint
            listeners = try owner.perform(log) { () throws(EndpointFailure) in
                try Endpoint.make(endpoint, plan.room(settings))
            }
        }
        return RunningService(plan, listeners: listeners, channel: channel, temporaryPath: temporaryPath)
    }

    /// A service on sockets that a service manager has opened; nil when there is none for it.
    static func adopt(
        _ plan: ServicePlan,
        from offered: OfferedSockets,
        _ settings: MainSettings,
        _ log: Log
    ) throws(EndpointFailure) -> RunningService? {
        let selection = try offered.select(for: plan, queueDirectory: settings.queueDirectory) {
            address throws(EndpointFailure) in
            try Endpoint.internet(address, plan.endpoint.socketKind, plan.room(settings))
        }
        guard let selection else { return nil }
        let channel = try Endpoint.step("socketpair") { () throws(SystemError) in try StatusChannel() }
        for text in selection.texts {
            log.info("service \(plan.entry.nameAsWritten): the service manager has opened \(text)")
        }
        return RunningService(
            plan.listening(on: selection.endpoint),
            listeners: selection.listeners,
            channel: channel,
            temporaryPath: nil,
            isAdopted: true
        )
    }

    /// Puts an endpoint that was made beside its path where it belongs; opens to clients what was closed to them.
    func settle(_ owner: MailOwner, _ log: Log) throws(EndpointFailure) {
        if isAdopted { openAdopted(owner, log) }
        guard let temporary = temporaryPath, let path = plan.endpoint.path else { return }
        try Endpoint.step("rename \(temporary) to \(path)") { () throws(SystemError) in
            try owner.perform(log) { () throws(SystemError) in try renameFile(temporary, to: path) }
        }
        temporaryPath = nil
    }

    /// Removes the file of an endpoint that will not be served.
    func removeFile(_ owner: MailOwner, _ log: Log) {
        guard !isAdopted, let path = temporaryPath ?? plan.endpoint.path else { return }
        owner.perform(log) { try? SystemCalls.removeFile(path) }
    }
}
