//===----------------------------------------------------------------------===//
// Quartermaster: tests of the state that is written out and read back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterPolicy

@Suite("State written out and read back") struct StateTests {
    /// A policy in which most things have happened: a throttle, a retry, a look that is due, stress, a service that
    /// leaves, and a vacant place.
    private static func sample() -> (Script, ServiceID) {
        var script = Script()
        let gone = script.add(ServiceRules(processLimit: 1))
        let id = script.add(ServiceRules(processLimit: 2, wakeupSeconds: 60))
        let leaving = script.add(ServiceRules(processLimit: 4))
        script.remove(gone)
        script.taken(id, script.client(id))
        script.act { $0.watchFailed(id, now: $1) }
        script.pass(seconds: 1)
        script.exit(script.client(id), .exited(status: 1))
        script.taken(leaving, script.client(leaving))
        script.remove(leaving)
        script.now = script.now.advanced(byMilliseconds: 300)
        return (script, id)
    }

    @Test("every field comes back, and decisions go on from there")
    func roundTrip() throws {
        var (script, id) = Self.sample()
        let bytes = script.policy.encoded
        var copy = try Policy(decoding: bytes)
        #expect(copy.encoded == bytes)
        #expect(copy.view(of: id) == script.policy.view(of: id))
        #expect(copy.figures(at: 1, until: script.now) == script.policy.figures(at: 1, until: script.now))
        #expect(copy.counters == script.policy.counters)
        var (one, other): ([Effect], [Effect]) = ([], [])
        copy.timerFired(.throttle(id), now: script.now)
        script.policy.timerFired(.throttle(id), now: script.now)
        copy.handOverEffects(into: &one)
        script.policy.handOverEffects(into: &other)
        #expect(one == other && !one.isEmpty)
    }

    @Test("a policy that goes on asks for its channels, its watches and what is left of its timers")
    func resuming() throws {
        let (script, id) = Self.sample()
        let leaving = ServiceID(index: 2, generation: 1)
        var copy = try Policy(decoding: script.policy.encoded)
        var effects: [Effect] = []
        copy.resume(now: script.now)
        copy.handOverEffects(into: &effects)
        #expect(
            effects == [
                .openStatusChannel(id),
                .startTimer(.throttle(id), milliseconds: 59_700),
                .startTimer(.wakeup(id), milliseconds: 59_700),
                .startTimer(.look(id), milliseconds: 0),
                .startTimer(.retry(id), milliseconds: 0),
                .startTimer(.removalDeadline(leaving), milliseconds: 4_700),
            ]
        )
        #expect(copy.encoded == script.policy.encoded, "it has decided nothing")
    }

    @Test("the watch of an uncovered service is asked for, one that is owed is not, nor is a channel")
    func resumingWatches() throws {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        #expect(try resumed(script) == [.openStatusChannel(id), .watchEndpoints(id)])
        script.act { $0.watchFailed(id, now: $1) }
        #expect(try resumed(script) == [.openStatusChannel(id), .startTimer(.retry(id), milliseconds: 100)])
        script.act { $0.channelFailed(id, now: $1) }
        // Clients may wait meanwhile, and are counted.
        let timers: [Effect] = [.startTimer(.look(id), milliseconds: 1000), .startTimer(.retry(id), milliseconds: 100)]
        #expect(try resumed(script) == timers)
    }

    private func resumed(_ script: Script) throws -> [Effect] {
        var copy = try Policy(decoding: script.policy.encoded)
        var effects: [Effect] = []
        copy.resume(now: script.now)
        copy.handOverEffects(into: &effects)
        return effects
    }

    @Test("a beginning of a state, a state with more behind it, and other bytes are refused")
    func otherBytes() {
        let bytes = Self.sample().0.policy.encoded
        for length in bytes.indices {
            #expect(throws: StateProblem.self) { try Policy(decoding: Array(bytes.prefix(length))) }
        }
        #expect(throws: StateProblem.wrongLength) { try Policy(decoding: bytes + [0]) }
        #expect(throws: StateProblem.damaged) { try Policy(decoding: bytes + [UInt8](repeating: 0, count: 8)) }
        #expect(throws: StateProblem.foreign) { try Policy(decoding: [UInt8](repeating: 0, count: 800)) }
        #expect(throws: StateProblem.unknownVersion(found: 1, known: Policy.stateVersion)) {
            try Policy(decoding: Self.sealed([StateFrame.policyMark, 1]))
        }
        let version = Policy.stateVersion
        #expect(throws: StateProblem.wrongLength) {
            try Policy(decoding: Self.sealed([StateFrame.policyMark, version]))
        }
        let words = Self.words(Policy().encoded)
        #expect(throws: StateProblem.wrongLength) { try Policy(decoding: Self.sealed(words + [0])) }
    }

    @Test("a change of any one byte is refused")
    func anyByte() {
        let bytes = Self.sample().0.policy.encoded
        for place in bytes.indices {
            for change: UInt8 in [1, 0x80, 0xFF] {
                var changed = bytes
                changed[place] ^= change
                #expect(throws: StateProblem.self) { try Policy(decoding: changed) }
            }
        }
    }

    @Test("a change of any one field, with the right checksum, is refused or goes well")
    func anyField() throws {
        let words = Self.words(Self.sample().0.policy.encoded)
        var refusals = 0
        for place in 2..<words.count {
            for value in [0, 1, 2, -1, 255, 70_000, .max, .min, words[place] &+ 1, words[place] &- 1] {
                var changed = words
                changed[place] = value
                do throws(StateProblem) {
                    var policy = try Policy(decoding: Self.sealed(changed))
                    #expect(policy.encoded == Self.sealed(changed))
                    live(&policy)
                } catch {
                    refusals += 1
                    #expect(error == .badValue || error == .wrongLength)
                }
            }
        }
        #expect(refusals > words.count)
    }

    @Test("counts that are not those of the processes, and two processes with one pid, are refused")
    func contradictions() throws {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 9))
        for _ in 0..<2 { script.taken(id, script.client(id)) }
        var wrong = script.policy
        wrong.services[0].total += 1
        #expect(throws: StateProblem.badValue) { try Policy(decoding: wrong.encoded) }
        wrong = script.policy
        wrong.services[0].stage = .vacant
        #expect(throws: StateProblem.badValue) { try Policy(decoding: wrong.encoded) }
        wrong = script.policy
        wrong.services[0].coverage = .idleChild
        #expect(throws: StateProblem.badValue) { try Policy(decoding: wrong.encoded) }
        wrong = script.policy
        let slot = try #require(wrong.children.slot(of: 101))
        wrong.children[slot].pid = 100
        #expect(throws: StateProblem.badValue) { try Policy(decoding: wrong.encoded) }
    }

    /// Everything that can be told to a policy.
    private func live(_ policy: inout Policy) {
        let now = PolicyTime(milliseconds: 5_000)
        policy.resume(now: now)
        let ids = policy.serviceIndices.compactMap { policy.view(at: $0)?.id }
        var children: [ChildView] = []
        policy.forEachChild { children.append($0) }
        for child in children {
            for status: Int32 in [0, 1, 1] {
                let generation = child.generation.rawValue
                let report = StatusReport(pid: child.pid, generation: generation, availability: status)
                policy.reportArrived(from: child.service, report, now: now)
            }
        }
        for id in ids {
            policy.endpointReadable(id, now: now)
            policy.queueMeasured(id, waiting: 9, now: now)
            policy.clientsCounted(id, QueueCount(waiting: 9, room: 5, turnedAway: 7, isFull: true), now: now)
            for _ in 0..<3 { policy.queueLooked(id, .clients, now: now) }
            policy.spawned(id, pid: 77 + id.index, generation: Generation(rawValue: 77), now: now)
            for timer in PolicyTimer.all(of: id) { policy.timerFired(timer, now: now) }
            policy.updateService(id, ServiceRules(processLimit: 1), now: now)
        }
        for child in children { policy.childExited(pid: child.pid, .signaled(9), now: now) }
        for id in ids { policy.removeService(id, now: now) }
    }

    private static func words(_ bytes: [UInt8]) -> [Int64] {
        stride(from: 0, to: bytes.count - 8, by: 8).map { start in
            bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | Int64($1) }
        }
    }

    private static func sealed(_ words: [Int64]) -> [UInt8] {
        (words + [StateFrame.checksum(words)]).flatMap { word in
            stride(from: Int64(0), to: 64, by: 8).map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    @Test("every counter is written out")
    func counters() {
        #expect(PolicyCounters.fields.count * 8 == MemoryLayout<PolicyCounters>.size)
        #expect(Set(PolicyCounters.fields).count == PolicyCounters.fields.count)
    }
}
