//===----------------------------------------------------------------------===//
// Quartermaster: stress, when a service comes near its process limit
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension Policy {
    /// Stress begins when the child that is wanted now may be the last one: the present children get a channel's end,
    /// so that they leave as soon as they can and come back in stress mode. Whether the child starts under stress.
    mutating func keepStress(_ slot: Int, _ reason: StartReason, _ now: PolicyTime) -> Bool {
        if mayBeTheLast(slot), reason != .replacing {
            if beginsStress(slot, now) {
                counters.stressOnsets += 1
                services[slot].figures.stressOnsets += 1
                note(.stressBegan(services[slot].id))
                restart(slot, now)
            }
            services[slot].stressUntil = now.advanced(bySeconds: PolicyLimit.stressSeconds)
        } else if let end = services[slot].stressUntil, end <= now {
            services[slot].stressUntil = nil
            note(.stressEnded(services[slot].id))
        }
        return services[slot].stressUntil.map { $0 > now } ?? false
    }

    private func mayBeTheLast(_ slot: Int) -> Bool {
        services[slot].rules.isStressEligible && services[slot].total + 1 >= services[slot].rules.processLimit
    }

    func beginsStress(_ slot: Int, _ now: PolicyTime) -> Bool {
        mayBeTheLast(slot) && services[slot].stressUntil.map { $0 < now } ?? true
    }
}
