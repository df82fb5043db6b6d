//===----------------------------------------------------------------------===//
// Quartermaster: a hand-driven policy for scenario tests
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// A policy, a clock moved by hand, and the effects of the last event.
struct Script {
    var policy = Policy(expectedServices: 4, expectedChildren: 8)
    var now = PolicyTime(milliseconds: 0)
    /// Effects of the last call, without notes and timers of looks.
    private(set) var effects: [Effect] = []
    /// Notes of the last call.
    private(set) var notes: [PolicyNote] = []
    /// Whether the last call started the timer of the next look.
    private(set) var isLookPlanned = false
    /// Whether it stopped that timer.
    private(set) var isLookCancelled = false
    private var lastPID: Int32 = 99
    private var buffer: [Effect] = []

    /// Notes that are written without verbose logging.
    var loudNotes: [PolicyNote] { notes.filter { !$0.isVerbose } }

    mutating func add(_ rules: ServiceRules) -> ServiceID {
        let id = policy.addService(rules, now: now)
        collect()
        return id
    }

    mutating func act(_ body: (inout Policy, PolicyTime) -> Void) {
        body(&policy, now)
        collect()
    }

    mutating func pass(seconds: Int) { now = now.advanced(bySeconds: seconds) }

    /// Makes the endpoint readable; where the policy asks how long the queue is, `waiting` is the answer.
    mutating func readable(_ id: ServiceID, waiting: Int32 = 1) {
        act { $0.endpointReadable(id, now: $1) }
        if effects == [.measureQueue(id)] { act { $0.queueMeasured(id, waiting: waiting, now: $1) } }
    }

    /// Answers the spawn that is wanted among the last effects; nil when none is.
    mutating func spawnWanted(_ id: ServiceID) -> Int32? {
        guard let generation = wantedGeneration else { return nil }
        lastPID += 1
        let pid = lastPID
        act { $0.spawned(id, pid: pid, generation: generation, now: $1) }
        return pid
    }

    /// Makes the endpoint readable and the spawn succeed; returns the pid and keeps the effects of both.
    mutating func client(_ id: ServiceID) -> Int32 {
        readable(id)
        let wanted = effects
        let noted = notes
        guard let pid = spawnWanted(id) else { fatalError("no spawn was wanted") }
        effects = wanted + effects
        notes = noted + notes
        return pid
    }

    /// Generation of a spawn among the last effects.
    var wantedGeneration: Generation? {
        for case .spawn(_, let generation, _) in effects { return generation }
        return nil
    }

    var isSpawnUnderStress: Bool? {
        for case .spawn(_, _, let underStress) in effects { return underStress }
        return nil
    }

    mutating func report(_ id: ServiceID, _ pid: Int32, _ availability: Availability) {
        let generation = policy.view(ofChild: pid)?.generation ?? .none
        let report = StatusReport(pid: pid, generation: generation, availability: availability)
        act { $0.reportArrived(from: id, report, now: $1) }
    }

    /// A report with any number for a status.
    mutating func report(_ id: ServiceID, _ pid: Int32, raw availability: Int32) {
        let generation = policy.view(ofChild: pid)?.generation ?? .none
        let report = StatusReport(pid: pid, generation: generation.rawValue, availability: availability)
        act { $0.reportArrived(from: id, report, now: $1) }
    }

    mutating func taken(_ id: ServiceID, _ pid: Int32) { report(id, pid, .taken) }
    mutating func available(_ id: ServiceID, _ pid: Int32) { report(id, pid, .available) }

    mutating func exit(_ pid: Int32, _ kind: ExitKind = .exited(status: 0)) {
        act { $0.childExited(pid: pid, kind, now: $1) }
    }

    mutating func reload(_ id: ServiceID, _ rules: ServiceRules) { act { $0.updateService(id, rules, now: $1) } }
    mutating func remove(_ id: ServiceID) { act { $0.removeService(id, now: $1) } }
    mutating func fire(_ timer: PolicyTimer) { act { $0.timerFired(timer, now: $1) } }

    func view(_ id: ServiceID) -> ServiceView {
        guard let view = policy.view(of: id) else { fatalError("the service is gone") }
        return view
    }

    /// Idle, total and whether master watches, as in the tables of the manual.
    func state(_ id: ServiceID) -> State {
        let view = view(id)
        return State(view.idle, view.total, view.isWatching)
    }

    struct State: Equatable, CustomStringConvertible {
        let idle: Int32
        let total: Int32
        let isWatching: Bool

        init(_ idle: Int32, _ total: Int32, _ isWatching: Bool) {
            self.idle = idle
            self.total = total
            self.isWatching = isWatching
        }

        var description: String { "\(idle)/\(total) \(isWatching ? "watching" : "not watching")" }
    }

    private mutating func collect() {
        policy.handOverEffects(into: &buffer)
        effects = []
        notes = []
        isLookPlanned = false
        isLookCancelled = false
        for effect in buffer {
            switch effect {
            case .note(let note): notes.append(note)
            // Looks go on beside everything else; LookTests is about them.
            case .startTimer(.look, _): isLookPlanned = true
            case .cancelTimer(.look): isLookCancelled = true
            default: effects.append(effect)
            }
        }
    }
}
