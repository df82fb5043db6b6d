//===----------------------------------------------------------------------===//
// Quartermaster: how an event server comes to its end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls

/// How far an event server has come on its way to its end.
///
///     a reason to leave --> (master gone? or are we replaced?) --> the service decides --+--> at once: the end
///                                                                                        |
///         SIGTERM while it finishes: the service decides again, once                     +--> finishing --> the end
///         the time to finish is over, or a second SIGTERM: the end
struct Leaving {
    /// Until what a process goes on that finishes.
    enum Until { case clientsHaveLeft, told }

    var parent: Int32 = 0
    /// Whether master is gone or has replaced us is known a moment after its channel has ended.
    var looksForMaster = false
    var isReplaced: Bool?
    /// What the service was asked already.
    var wasAsked = false
    var wasAskedToTerminate = false
    var until = Until.clientsHaveLeft
    var timer: WatchID?
    var isDrained = false
    /// A child for what is left to do is wanted.
    var wantsToDrain = false
    /// It was said that threads stand in the way of that.
    var hasToldOfThreads = false
}

/// What comes next for a process that has a reason to leave.
@usableFromInline enum LeavingStep {
    case ask(LeaveReason)
    /// It is not clear yet why.
    case goOn
    case end
}

extension EventCore {
    /// A process that dies closes its descriptors a little before its children get another parent.
    private static var lookMilliseconds: Int64 { 50 }

    var isFinishing: Bool {
        if case .finishing = life.stage { return true }
        return false
    }

    @usableFromInline var isLeaving: Bool { mutating get { isFinishing || life.isLeaving } }

    @usableFromInline mutating func nextStep() -> LifeStep {
        if isOneShot, !hasClients, case .serving = life.stage { life.isToLeave(.usedUp) }
        let step = life.nextStep(hasClients: leaving.looksForMaster || mustGoOn)
        // After the last look of an idle process it accepts again; the service may still want nobody.
        if acceptsNobody, case .serving = life.stage { life.pause() }
        return step
    }

    private var mustGoOn: Bool { isFinishing && leaving.until == .told ? true : hasClients }

    /// Why it is to leave, if the service has not been asked yet.
    @usableFromInline mutating func leavingStep() -> LeavingStep {
        guard case .leaving(let reason) = life.stage, reason != .abandoned else { return .end }
        if reason == .terminated {
            if leaving.wasAskedToTerminate { return .end }
            leaving.wasAskedToTerminate = true
            return .ask(.terminated)
        }
        if leaving.wasAsked { return .end }
        if reason == .masterGone, leaving.isReplaced == nil {
            beginLook()
            return .goOn
        }
        leaving.wasAsked = true
        switch reason {
        case .masterGone: return .ask(leaving.isReplaced == true ? .replaced : .masterGone)
        case .idle: return .ask(.idle)
        case .usedUp: return .ask(.usedUp)
        case .retired, .timeToRetire: return .ask(.retired)
        case .terminated, .abandoned: return .end
        }
    }

    // MARK: gone, or replaced?

    private mutating func beginLook() {
        if parentProcessID() != leaving.parent {
            leaving.isReplaced = false
            return
        }
        leaving.looksForMaster = true
        life.finishSlowly(.masterGone, looks: false)
        life.loop.arm(life.loop.makeTimer(token: EventToken(.masterLook)), milliseconds: Self.lookMilliseconds)
    }

    mutating func lookForMaster() {
        leaving.looksForMaster = false
        leaving.isReplaced = parentProcessID() == leaving.parent
        if case .finishing(.masterGone) = life.stage { life.stage = .leaving(.masterGone) }
    }

    // MARK: finishing

    /// What the service has decided.
    @usableFromInline mutating func decide(_ decision: LeaveDecision) {
        let reason: ChildLife.Reason
        switch life.stage {
        case .leaving(let why): reason = why
        // It has drained when it was asked: what it finishes has a limit all the same.
        case .finishing(let why): reason = why
        case .serving, .paused, .looking, .lastClients: return
        }
        let seconds: Int
        switch decision {
        case .atOnce: return
        case .whenClientsHaveLeft(let limit):
            leaving.until = .clientsHaveLeft
            seconds = limit
        case .whenTold(let limit):
            leaving.until = .told
            seconds = limit
        }
        if leaving.until == .clientsHaveLeft, !hasClients { return }
        // What the service does not want to accept is for the next process.
        if case .leaving = life.stage { life.finishSlowly(reason, looks: reason != .retired) }
        let timer = leaving.timer ?? life.loop.makeTimer(token: EventToken(.finishLimit))
        leaving.timer = timer
        life.loop.arm(timer, milliseconds: LoopTime.milliseconds(ofSeconds: seconds))
        // A master that lives may wait for this process before it starts another.
        switch reason {
        case .masterGone: leaving.wantsToDrain = leaving.isReplaced == true && !leaving.isDrained
        case .retired, .timeToRetire: leaving.wantsToDrain = !leaving.isDrained
        case .idle, .usedUp, .terminated, .abandoned: break
        }
    }

    mutating func finishLimitReached() {
        guard case .finishing(let reason) = life.stage else { return }
        if hasClients { log.info("\(clientCount) clients are cut off: the time to finish is over") }
        resetIncomplete()
        life.stage = .leaving(reason)
    }

    /// The process ends, and the kernel closes what is connected.
    private mutating func resetIncomplete() {
        for index in 0..<connections.capacity {
            if let slot = connections.id(at: index) { resetIfIncomplete(slot) }
        }
    }

    /// SIGTERM.
    mutating func terminate() { life.stage = .leaving(.terminated) }

    /// The service is done.
    mutating func leave() {
        flush()
        switch life.stage {
        case .finishing(let reason): life.stage = .leaving(reason)
        case .leaving: break
        case .serving, .paused, .looking, .lastClients: life.stage = .leaving(.retired)
        }
        leaving.wasAsked = true
    }

    @usableFromInline mutating func finish() {
        flush()
        life.finish()
    }
}
