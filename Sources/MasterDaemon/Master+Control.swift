//===----------------------------------------------------------------------===//
// Quartermaster: what administrators ask for through the control socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import SystemCalls

/// Who waits for an answer, and for what.
struct ControlWaiter {
    enum Matter {
        /// The result of the reload that is under way, or about to be.
        case reload
        /// These services' processes leave.
        case drain([ServiceID])
        /// The service gets fresh processes.
        case retire(ServiceID)
        /// What a process of its own finds. Only until it has begun anew, after an upgrade.
        case check
        /// Another program takes over.
        case upgrade

        /// It may take for ever, and goes on without anybody who waits.
        var isLong: Bool {
            switch self {
            case .reload, .check, .upgrade: false
            case .drain, .retire: true
            }
        }
    }

    let client: SlotID
    let matter: Matter
    /// Processes that were ended, `smtp/inet pid 12`, as many as fit into a line.
    var cutOff: [String] = []
    var cutOffCount = 0
}

/// Everything about the control socket that master remembers.
struct ControlDesk: ~Copyable {
    var socket = ControlSocket()
    var waiters: [ControlWaiter] = []
    var checks: [CheckHelper] = []
    var retryTimer: WatchID?
    /// Requests, one by one up to a number; an administrator's script may ask without pause.
    var requestGate = MessageGate(intervalSeconds: 10, limit: 50)
    var refusalGate = MessageGate(intervalSeconds: 60)
    var isOpenRefusalTold = false
    /// How everything was drained; what comes later is drained, too.
    var drainOfAll: ControlRequest.Drain?
    /// master ends when these are drained.
    var stopping: [ServiceID]?
    var lastProgress = PolicyTime(milliseconds: 0)
}

// The socket: opening, clients that come, clients that say something.
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
        }
        controlListensAgain()
    }

    func controlExpired(_ slot: SlotID) {
        desk.socket.expire(slot, loop: &loop)
        forgetClient(slot)
        controlListensAgain()
    }

    /// What it asked for goes on, but a check, which serves nobody else.
    private func forgetClient(_ slot: SlotID) {
        desk.waiters.removeAll { $0.client == slot }
        endCheck(for: slot)
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

// Answers.
extension Master {
    func say(_ reply: ControlReply, to slot: SlotID) {
        desk.socket.send(reply, to: slot, loop: &loop)
        // It has read its last line, or hung up.
        if desk.socket.peer(of: slot) == nil { forgetClient(slot) }
    }

    /// The last line.
    func answer(_ slot: SlotID, _ status: ControlReply.Status, _ text: String) {
        // Whoever was told that something is done may look at once.
        turn.somethingHappened()
        publish()
        say(.result(status, text), to: slot)
        desk.waiters.removeAll { $0.client == slot }
        controlListensAgain()
    }

    private func perform(_ request: ControlRequest, for slot: SlotID) {
        switch request {
        case .reload(let all): reload(all: all, for: slot)
        case .check: beginCheck(for: slot)
        case .verbose(let isOn): setVerbose(isOn, for: slot)
        case .release(let service): release(service, for: slot)
        case .version: answer(slot, .ok, BuildMark.versionLine)
        case .drain(let service, let drain): self.drain(service, drain, for: slot)
        case .resume(let service): resume(service, for: slot)
        case .retire(let service): retire(service, for: slot)
        case .disable(let service): disable(service, for: slot)
        case .enable(let service): enable(service, for: slot)
        case .stop(let seconds): stop(seconds, for: slot)
        case .upgrade(let program): upgradeRequested(program, by: slot)
        }
    }

    private func reload(all: Bool, for slot: SlotID) {
        guard let peer = desk.socket.peer(of: slot) else { return }
        desk.waiters.append(ControlWaiter(client: slot, matter: .reload))
        askForReload(ReloadWish(asker: .client(user: peer.userID, pid: peer.processID), retiresAll: all))
    }

    /// The decisions of master alone; children keep the command line they get by its own.
    private func setVerbose(_ isOn: Bool, for slot: SlotID) {
        log.verbosity = isOn ? max(log.verbosity, 1) : 0
        policy.isVerbose = isOn
        answer(slot, .ok, "decisions are \(isOn ? "logged" : "not logged any more")")
    }

    private func release(_ reference: ServiceReference, for slot: SlotID) {
        guard let service = named(reference, slot) else { return }
        guard policy.view(of: service.id)?.isThrottled == true else {
            return answer(slot, .ok, "\(service.fullName) is not throttled")
        }
        policy.releaseAsked(service.id, now: now)
        carryOut()
        answer(slot, .ok, "\(service.fullName) is not throttled any more")
    }

    var activeServices: [RunningService] {
        services.compactMap { $0 }.filter { isActive($0) }
    }

    /// The one service that is meant; when there is none or more than one, the client is told.
    func named(_ reference: ServiceReference, _ slot: SlotID) -> RunningService? {
        let active = activeServices
        let found = active.filter {
            $0.name == reference.name && (reference.type == nil || $0.plan.entry.type == reference.type)
        }
        if found.count == 1 { return found[0] }
        if found.count > 1 {
            // A private and a public service may share name and type, but no administrator's mind.
            let names = found.map(\.fullName).joined(separator: ", ")
            answer(slot, .refused, "\(reference.text) may be any of \(names)")
            return nil
        }
        let near = active.first {
            EditDistance.between($0.name, reference.name, atMost: 2) != nil
                || EditDistance.between($0.fullName, reference.text, atMost: 2) != nil
        }
        answer(
            slot,
            .refused,
            "there is no service \(reference.text)" + (near.map { " (did you mean \($0.fullName)?)" } ?? "")
        )
        return nil
    }
}

extension RunningService {
    /// Name and type: `smtp/inet`.
    var fullName: String { plan.fullName }
}

// A reload's result.
extension Master {
    /// The reload that was under way has ended: whoever asked for one is told all about it.
    func tellReloadResult(_ report: ReloadReport) {
        let waiting = desk.waiters.filter { if case .reload = $0.matter { true } else { false } }.map(\.client)
        for slot in waiting {
            for problem in report.problems { say(.problem(ControlReply.Problem(problem)), to: slot) }
            guard case .accepted(let changes) = report.outcome else {
                answer(slot, .refused, "reload refused: everything keeps running on the previous configuration")
                continue
            }
            for (change, plans) in [
                (ControlReply.Change.added, changes.added), (.removed, changes.removed), (.changed, changes.changed),
            ] {
                for plan in plans { say(.change(change, service: plan.fullName), to: slot) }
            }
            for line in changes.details { say(.progress(line), to: slot) }
            let isNothing = changes.isEmpty && changes.details.isEmpty
            answer(slot, .ok, "reload accepted" + (isNothing ? ": no service was added, removed or changed" : ""))
        }
    }
}

extension ServicePlan {
    var fullName: String { "\(entry.nameAsWritten)/\(entry.type.rawValue)" }
}

extension ControlReply.Problem {
    init(_ problem: ConfigProblem) {
        let severity: ControlReply.Severity =
            switch problem.severity {
            case .info: .info
            case .warning: .warning
            case .fatal: .fatal
            }
        self.init(severity, problem.text, file: problem.file, line: problem.line, cure: problem.cure)
    }
}
