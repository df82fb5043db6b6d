//===----------------------------------------------------------------------===//
// Quartermaster: the control socket: opening it, clients that come, clients that say something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterControl
import MasterPolicy
import SystemCalls

extension Master {
    /// Whatever the name of the program: masterctl knows no other.
    var controlPath: String { "pid/master.control" }

    /// At the start, and at a reload while there is none, or none that is found. master does without when it cannot be
    /// had.
    func openControl() {
        if desk.socket.isOpen {
            if desk.socket.isInPlace(at: controlPath) { return }
            log.warning("control socket \(controlPath) was removed or replaced -- making it again")
            desk.socket.closeListener(loop: &loop)
        }
        do throws(EndpointFailure) {
            try desk.socket.open(at: controlPath, loop: &loop)
            desk.isOpenRefusalTold = false
        } catch {
            if desk.isOpenRefusalTold { return }
            desk.isOpenRefusalTold = true
            log.warning(
                "control socket \(controlPath): \(error.text) -- masterctl cannot steer this master; tried again at the"
                    + " next reload"
            )
        }
    }

    /// master ends.
    func closeControl() {
        if desk.socket.isInPlace(at: controlPath) { try? removeFile(controlPath) }
    }

    /// Somebody calls. As many as there is room for are let in; the others wait.
    func controlCalled() {
        // Somebody who waits for what may take for ever keeps nobody out.
        if desk.socket.isFull, let oldest = oldestLongWaiter {
            answer(oldest, .failed, "others ask, too: what was asked for goes on, and the log tells how it ends")
        }
        do throws(SystemError) {
            // Not even those who are turned away may keep master from its other work.
            for _ in 0..<ControlSocket.clientLimit * 4 where !desk.socket.isFull {
                guard let (slot, peer) = try desk.socket.accept(loop: &loop) else { return }
                if peer.userID != 0, peer.userID != Identity.effectiveUser { turnAway(slot, peer) }
            }
            if desk.socket.isFull, oldestLongWaiter == nil { desk.socket.pause(loop: &loop) }
        } catch {
            // Descriptors or memory are short. Who calls waits, and is not asked for without pause.
            desk.socket.pause(loop: &loop)
            armControlRetry()
        }
    }

    private var oldestLongWaiter: SlotID? { desk.waiters.first { $0.matter.isLong }?.client }

    private func turnAway(_ slot: SlotID, _ peer: PeerCredentials) {
        if let heldBack = desk.refusalGate.pass(nowSeconds: now.milliseconds / 1000) {
            if heldBack > 0 { log.warning("control socket: \(heldBack) more clients were refused") }
            log.warning("control socket: refused user \(peer.userID) (pid \(peer.processID))")
        }
        answer(slot, .refused, "only root, and the user who runs this master, may ask")
    }

    func controlListensAgain() {
        if desk.socket.isFull, oldestLongWaiter == nil { return }
        do throws(SystemError) {
            try desk.socket.listen(loop: &loop)
        } catch {
            armControlRetry()
        }
    }

    private func armControlRetry() {
        let timer = desk.retryTimer ?? loop.makeTimer(token: MasterEvent.controlRetry.token)
        desk.retryTimer = timer
        loop.arm(timer, milliseconds: PolicyLimit.retryMilliseconds)
    }

    func controlReady(_ slot: SlotID, _ what: Occurrence.What) {
        switch desk.socket.advance(slot, what, loop: &loop) {
        case .nothing: break
        case .gone: forgetClient(slot)
        case .request(let request):
            tell(request, slot)
            perform(request, for: slot)
            controlListensAgain()
        }
    }

    func controlExpired(_ slot: SlotID) {
        desk.socket.expire(slot, loop: &loop)
        forgetClient(slot)
    }

    /// What it asked for goes on, but a check, which serves nobody else. There is room for another client now.
    func forgetClient(_ slot: SlotID) {
        desk.waiters.removeAll { $0.client == slot }
        endCheck(for: slot)
        controlListensAgain()
    }

    private func tell(_ request: ControlRequest, _ slot: SlotID) {
        guard let peer = desk.socket.peer(of: slot),
            let heldBack = desk.requestGate.pass(nowSeconds: now.milliseconds / 1000)
        else { return }
        if heldBack > 0 { log.info("control socket: \(heldBack) more requests came, which is not logged one by one") }
        log.info(
            "control socket: user \(peer.userID) (pid \(peer.processID)) asks: \(String(decoding: request.line, as: UTF8.self))"
        )
    }
}
