//===----------------------------------------------------------------------===//
// Quartermaster: administrators keep their connection, and what they wait for, when another program takes over
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterControl
import MasterPolicy
import SystemCalls

// In the program that goes.
extension ControlSocket {
    fileprivate func handedOver(_ slot: SlotID) -> Handover.Client {
        Handover.Client(
            socket: clients[slot].socket.number,
            stage: clients[slot].stage,
            line: clients[slot].line.unfinished,
            output: clients[slot].output,
            omitted: clients[slot].omitted
        )
    }
}

extension ControlDesk {
    mutating func handedOver() -> Handover.Desk {
        var handed = Handover.Desk(listener: socket.listener?.number, drainOfAll: drainOfAll, stopping: stopping)
        for index in 0..<socket.clients.capacity {
            guard let slot = socket.clients.id(at: index) else { continue }
            var client = socket.handedOver(slot)
            if checks.contains(where: { $0.client == slot }) { client.wait = .check }
            if let waiter = waiters.first(where: { $0.client == slot }) { client.describe(waiter) }
            handed.clients.append(client)
        }
        return handed
    }
}

extension Handover.Client {
    fileprivate mutating func describe(_ waiter: ControlWaiter) {
        (cutOff, cutOffCount) = (waiter.cutOff, waiter.cutOffCount)
        switch waiter.matter {
        case .reload: wait = .reload
        case .check: wait = .check
        case .drain(let drained): (wait, services) = (.drain, drained)
        case .retire(let id): (wait, services) = (.retirement, [id])
        case .upgrade: wait = .upgrade
        }
    }

    fileprivate var matter: ControlWaiter.Matter? {
        switch wait {
        case .nothing: nil
        case .reload: .reload
        case .check: .check
        case .drain: .drain(services)
        case .retirement: services.first.map { .retire($0) }
        case .upgrade: .upgrade
        }
    }
}

// In the program that comes.
extension ControlSocket {
    /// Owns the descriptor first: what fails afterwards closes nothing.
    fileprivate mutating func adopt(
        _ listener: DescriptorNumber?,
        at path: String,
        loop: inout EventLoop
    ) throws(SystemError) {
        guard let listener else { return }
        self.listener = Descriptor(owning: listener)
        file = try? facts(ofPath: path, followingLinks: false)
        listenerWatch = try loop.watch(listener, for: .readable, token: MasterEvent.controlCalled.token)
    }

    fileprivate mutating func adopt(
        _ handed: Handover.Client,
        loop: inout EventLoop
    ) throws(SystemError) -> SlotID {
        let peer = try handed.socket.peerCredentials()
        var client = Client(socket: Descriptor(owning: handed.socket), peer: peer)
        (client.stage, client.output, client.omitted) = (handed.stage, handed.output, handed.omitted)
        // Who has asked says nothing more.
        _ = client.line.take(handed.stage == .asking ? handed.line : [UInt8(ascii: "\n")])
        guard let slot = clients.insert(client) else { preconditionFailure("more clients than the state may have") }
        if handed.stage != .leaving {
            let token = MasterEvent.controlReady.token(slot)
            clients[slot].reader = try loop.watch(handed.socket, for: .readable, token: token)
        }
        if !handed.output.isEmpty {
            let token = MasterEvent.controlReady.token(slot)
            clients[slot].writer = try loop.watch(handed.socket, for: .writable, token: token)
        }
        let timer = loop.makeTimer(token: MasterEvent.controlDeadline.token(slot))
        clients[slot].timer = timer
        if handed.stage != .waiting { loop.arm(timer, milliseconds: Self.patienceMilliseconds) }
        return slot
    }
}

extension Master {
    func adopt(_ handed: Handover.Desk) throws(SystemError) {
        (desk.drainOfAll, desk.stopping) = (handed.drainOfAll, handed.stopping)
        try desk.socket.adopt(handed.listener, at: controlPath, loop: &loop)
        for client in handed.clients {
            let slot = try desk.socket.adopt(client, loop: &loop)
            guard let matter = client.matter else { continue }
            var waiter = ControlWaiter(client: slot, matter: matter)
            (waiter.cutOff, waiter.cutOffCount) = (client.cutOff, client.cutOffCount)
            desk.waiters.append(waiter)
        }
    }

    /// What was under way for somebody, and cannot go on where it was, begins anew.
    func takeUpWaiting(_ handover: Handover) {
        // Those who looked names up or checked spoke to the program that is gone.
        for pid in handover.helpers { try? sendSignal(.kill, to: pid) }
        let checks = desk.waiters.filter { if case .check = $0.matter { true } else { false } }.map(\.client)
        desk.waiters.removeAll { checks.contains($0.client) }
        for slot in checks {
            say(.progress("another program of master has taken over: the check begins anew"), to: slot)
            beginCheck(for: slot)
        }
        if let wish = handover.reloadWish { askForReload(wish) }
        answerDrains()
        endIfStopped()
    }

    /// Whoever has asked for the upgrade.
    func tellUpgrade(_ status: ControlReply.Status, _ text: String) {
        let askers = desk.waiters.filter { if case .upgrade = $0.matter { true } else { false } }.map(\.client)
        for slot in askers { answer(slot, status, text) }
    }
}
