//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as the state of a policy
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

@testable import MasterPolicy

/// Takes the input for the fields of a state, with the right beginning and checksum, since no fuzzer finds these. What
/// is read must be written as it was, and nothing that is told to such a policy may trap. Built with
/// MasterPolicy by `scripts/fuzz policy_state`.
@c(LLVMFuzzerTestOneInput)
public func fuzzPolicyState(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: size))
    _ = try? Policy(decoding: input)
    var writer = StateWriter(mark: StateFrame.policyMark)
    try? writer.begin(version: Policy.stateVersion)
    for start in stride(from: 0, to: input.count - 7, by: 8) {
        var word = input[start..<start + 8].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
        try? writer.code(&word)
    }
    let state = writer.sealed
    guard var policy = try? Policy(decoding: state) else { return 0 }
    precondition(policy.encoded == state, "a state that is written in another way than it was read")
    live(&policy)
    return 0
}

/// Everything that can be told to a policy, to its end.
private func live(_ policy: inout Policy) {
    let now = PolicyTime(milliseconds: 5_000)
    policy.resume(now: now)
    let ids = policy.serviceIndices.compactMap { policy.view(at: $0)?.id }
    var children: [ChildView] = []
    policy.forEachChild { children.append($0) }
    for child in children {
        for status: Int32 in [0, 1, 1, 7] {
            let report = StatusReport(pid: child.pid, generation: child.generation.rawValue, availability: status)
            policy.reportArrived(from: child.service, report, now: now)
        }
    }
    for id in ids {
        var figures = policy.plainFigures(at: Int(id.index))
        figures.pass(until: now, busy: 7, isSaturated: true)
        policy.watchFailed(id, now: now)
        policy.channelFailed(id, now: now)
        for timer in PolicyTimer.all(of: id) { policy.timerFired(timer, now: now) }
        policy.endpointReadable(id, now: now)
        policy.queueMeasured(id, waiting: 9, now: now)
        policy.clientsCounted(id, QueueCount(waiting: 9, room: 5, turnedAway: 7, isFull: true), now: now)
        for _ in 0..<3 { policy.queueLooked(id, .clients, now: now) }
        policy.spawned(id, pid: 77, generation: Generation(rawValue: 77), now: now)
        policy.spawnFailed(id, .fork, now: now)
        policy.updateService(id, ServiceRules(processLimit: 1), retiring: .never, now: now)
        policy.updateService(id, ServiceRules(processLimit: 1), retiring: .after(milliseconds: 9), now: now)
        policy.endpointsOutgoing(id, now: now)
        policy.outgoingSeen(id, .clients, now: now)
        policy.updateService(id, ServiceRules(processLimit: 1), now: now)
    }
    for child in children { policy.childExited(pid: child.pid, .signaled(9), now: now) }
    for id in ids { policy.removeService(id, now: now) }
    var effects: [Effect] = []
    policy.handOverEffects(into: &effects)
    _ = policy.encoded
}
