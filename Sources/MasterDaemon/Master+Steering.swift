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
//     udp         | connecting it to itself                | connection refused, where the sender looks
//     any path    | giving its file another name           | no such file
//
// Connections that were made before, and those whose handshake was under way, stay in the queue and are served. So do
// datagrams that came before. A socket for datagrams answers those while it turns others away, which it could not if it
// were bound to a device; and nobody but root could take it back from there.
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
            // An earlier refusal could not be taken back yet.
            if service.isRefusing { policy.admissionFailed(id, now: now) }
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

    /// Only root may take a socket back from a device that it is bound to, and a file may have been removed. Then other
    /// sockets take the place of these, and the processes that have the old ones leave. A client in the queue of an old
    /// one is lost: one whose handshake took longer than the drain.
    func replaceListeners(_ service: RunningService) throws(EndpointFailure) {
        let plan = service.plan
        let fresh: DescriptorList
        if plan.endpoint.path == nil {
            fresh = try Endpoint.make(plan.endpoint, plan.room(settings))
        } else {
            fresh = try owner.perform(log) { () throws(EndpointFailure) in
                try Endpoint.make(plan.endpoint, plan.room(settings))
            }
        }
        for watch in service.endpointWatches { loop.remove(watch) }
        service.endpointWatches = []
        service.listeners = consume fresh
        service.outgoingCount = 0
        service.isRefusing = false
        if let view = policy.view(of: service.id), view.watch != .none { watchEndpoints(service.id) }
        policy.processesAreOutdated(service.id, now: now)
    }

    func lookWhetherEmpty(_ id: ServiceID) { policy.emptinessSeen(id, lookAtQueue(id), now: now) }
}

extension RunningService {
    /// An interface that no machine has: numbers count from 1, and go on without gaps.
    static let nowhere: Int32 = .max

    func refuseClients(_ owner: MailOwner, _ log: Log) throws(SystemError) {
        if let path = plan.endpoint.path, let hidden = plan.endpoint.hiddenPath {
            // It may be so already, when it could not be undone.
            if !isRefusing {
                try owner.perform(log) { () throws(SystemError) in try renameFile(path, to: hidden) }
            }
        } else {
            // In the place of a service manager's sockets there can be no others.
            let kind = plan.endpoint.socketKind
            if isAdopted, kind == .stream { try Self.tryOutAdmission() }
            do throws(SystemError) {
                for number in staying { try number.turnClientsAway(kind) }
            } catch {
                for number in staying { try? number.letClientsIn(kind) }
                throw error
            }
        }
        isRefusing = true
    }

    /// False when other sockets have to take the place of these.
    func admitClients(_ owner: MailOwner, _ log: Log) throws(EndpointFailure) -> Bool {
        if let path = plan.endpoint.path, let hidden = plan.endpoint.hiddenPath {
            do throws(SystemError) {
                try owner.perform(log) { () throws(SystemError) in try renameFile(hidden, to: path) }
            } catch {
                // Somebody has removed it, and nobody can find the way to the socket any more.
                if error.code == .noSuchFileOrDirectory, !isAdopted { return false }
                throw EndpointFailure(text: "rename \"\(hidden)\": \(error.reason)", code: error.code)
            }
        } else {
            do throws(SystemError) {
                for number in staying { try number.letClientsIn(plan.endpoint.socketKind) }
            } catch {
                if isAdopted { throw EndpointFailure(text: error.description, code: error.code) }
                return false
            }
        }
        isRefusing = false
        return true
    }

    /// Linux lets a socket be taken back from an interface by who has CAP_NET_RAW, which root may be without.
    private static func tryOutAdmission() throws(SystemError) {
        let socket = try makeSocket(.ipv4, .stream)
        try socket.number.turnClientsAway(.stream)
        try socket.number.letClientsIn(.stream)
    }

    /// Before master gives them up: what a service manager has, too, is open to clients again, and a file that has
    /// another name goes.
    func leaveEndpoints(_ owner: MailOwner, _ log: Log) {
        guard isRefusing else { return }
        if isAdopted {
            _ = try? admitClients(owner, log)
        } else if let hidden = plan.endpoint.hiddenPath {
            owner.perform(log) { try? SystemCalls.removeFile(hidden) }
        }
    }

    /// Of sockets that a service manager has opened: a master that was killed may have left them closed to clients.
    func openAdopted(_ owner: MailOwner, _ log: Log) {
        do throws(SystemError) {
            if let path = plan.endpoint.path, let hidden = plan.endpoint.hiddenPath {
                guard !Self.isThere(path), Self.isThere(hidden) else { return }
                try owner.perform(log) { () throws(SystemError) in try renameFile(hidden, to: path) }
            } else {
                for number in listeners.numbers { try number.letClientsIn(plan.endpoint.socketKind) }
            }
        } catch {
            log.warning(
                "service \(name): its sockets turn clients away, as another master has left them: \(error.description)"
            )
        }
    }

    private static func isThere(_ path: String) -> Bool {
        (try? facts(ofPath: path, followingLinks: false)) != nil
    }
}

extension DescriptorNumber {
    /// No machine has so many interfaces.
    private static var mostInterfaces: Int32 { RunningService.nowhere / 2 }

    /// Which interface the socket was bound to, if any, is told by the number of the one that it is bound to then: a
    /// service manager's sockets outlive master, and another one has to know.
    func turnClientsAway(_ kind: SocketKind) throws(SystemError) {
        if kind == .datagram { return try closeToSenders() }
        let interface = try option(.boundInterface)
        if interface <= Self.mostInterfaces { try setOption(.boundInterface, RunningService.nowhere - interface) }
    }

    func letClientsIn(_ kind: SocketKind) throws(SystemError) {
        if kind == .datagram { return try disconnect() }
        let interface = try option(.boundInterface)
        if interface > Self.mostInterfaces { try setOption(.boundInterface, RunningService.nowhere - interface) }
    }

    /// Only what it sends itself would reach it from here on; who else sends is told that nobody is there.
    private func closeToSenders() throws(SystemError) {
        guard let own = try name(ofPeer: false) else { throw SystemError(.getsockname, .addressNotAvailable) }
        try connect(to: own)
    }
}
