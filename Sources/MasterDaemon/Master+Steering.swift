//===----------------------------------------------------------------------===//
// Quartermaster: turning clients away, letting them in again, and a second status channel
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import SystemCalls

// The deeds of what `Policy+Steering` and `Policy+Retirement` decide. A queue must survive all of them, so no listener
// is closed:
//
//     endpoint    | clients are turned away by             | who connects then gets
//     ------------+----------------------------------------+-----------------------
//     inet        | binding it to a device that is not     | connection refused
//     any path    | giving its file another name           | no such file
//
// Connections that were made before, and those whose handshake was under way, stay in the queue and are served.
extension Master {
    func refuseClients(_ id: ServiceID) {
        guard let service = service(id) else { return }
        do throws(SystemError) {
            try service.refuseClients(owner, log)
        } catch {
            log.warning(
                "service \(service.name): cannot turn clients away: \(error.description) -- they wait instead"
            )
            policy.refusalFailed(id, now: now)
        }
    }

    func admitClients(_ id: ServiceID) {
        guard let service = service(id) else { return }
        do throws(EndpointFailure) {
            if try !service.admitClients(owner, log) { try replaceListeners(service) }
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): cannot be opened to clients: \(error.text) -- trying again"
            }
            policy.admissionFailed(id, now: now)
        }
    }

    /// Only root may take a socket back from a device that it is bound to. Others take its place, and the processes
    /// that have the old ones leave. A client in the queue of an old one is lost: one whose handshake took longer than
    /// the drain.
    private func replaceListeners(_ service: RunningService) throws(EndpointFailure) {
        let plan = service.plan
        let fresh = try Endpoint.make(plan.endpoint, backlog: plan.backlog, windowSize: settings.tcpWindowSize)
        for watch in service.endpointWatches { loop.remove(watch) }
        service.endpointWatches = []
        service.listeners = consume fresh
        service.outgoingCount = 0
        service.isRefusing = false
        if let view = policy.view(of: service.id), view.watch != .none { watchEndpoints(service.id) }
        policy.endpointsReplaced(service.id, now: now)
    }

    func lookWhetherEmpty(_ id: ServiceID) { policy.emptinessSeen(id, lookAtQueue(id), now: now) }

    // MARK: a second channel

    /// The present channel goes on as the former one.
    func addStatusChannel(_ id: ServiceID) {
        guard let service = service(id) else { return }
        closeFormerChannel(service)
        do throws(SystemError) {
            let fresh = try StatusChannel()
            let token = MasterEvent.reportsArrived.token(id)
            let watch = try loop.watch(fresh.readerNumber, for: .readable, token: token)
            service.formerWatch = service.channelWatch
            service.formerChannel = service.channel.take()
            service.channel = consume fresh
            service.channelWatch = watch
            policy.channelAdded(id, now: now)
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): no second status channel: \(error.description) -- its processes stay"
            }
            policy.channelNotAdded(id)
        }
    }

    /// What was said on it counts first.
    func closeFormerChannel(_ service: RunningService) {
        guard service.formerChannel != nil else { return }
        drain(service.id)
        if let watch = service.formerWatch { loop.remove(watch) }
        service.formerWatch = nil
        service.formerChannel = nil
    }
}

extension RunningService {
    /// An interface that no machine has: numbers count from 1.
    static let nowhere: Int32 = .max
    private static let anywhere: Int32 = 0

    /// Where the file of an endpoint is while clients are turned away.
    var hiddenPath: String? { isRefusing ? (plan.endpoint.path).map { $0 + ".refused" } : nil }

    func refuseClients(_ owner: MailOwner, _ log: Log) throws(SystemError) {
        if let path = plan.endpoint.path {
            try owner.perform(log) { () throws(SystemError) in try renameFile(path, to: path + ".refused") }
        } else {
            do throws(SystemError) {
                for number in staying { try number.setOption(.boundInterface, Self.nowhere) }
            } catch {
                for number in staying { try? number.setOption(.boundInterface, Self.anywhere) }
                throw error
            }
        }
        isRefusing = true
    }

    /// False when other sockets have to take the place of these.
    func admitClients(_ owner: MailOwner, _ log: Log) throws(EndpointFailure) -> Bool {
        if let path = plan.endpoint.path {
            try Endpoint.step("rename \(path).refused") { () throws(SystemError) in
                try owner.perform(log) { () throws(SystemError) in try renameFile(path + ".refused", to: path) }
            }
        } else {
            for number in staying where (try? number.setOption(.boundInterface, Self.anywhere)) == nil {
                return false
            }
        }
        isRefusing = false
        return true
    }
}
