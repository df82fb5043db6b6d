//===----------------------------------------------------------------------===//
// Quartermaster: what administrators ask for through the control socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Diagnostics
import FixedMemory
import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import SystemCalls

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

    func perform(_ request: ControlRequest, for slot: SlotID) {
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
