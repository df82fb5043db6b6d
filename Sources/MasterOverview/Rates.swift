//===----------------------------------------------------------------------===//
// Quartermaster: what happened between two looks at master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage

/// What a service did between two looks, per second.
package struct ServiceRates: Equatable, Sendable {
    /// Share of the processes there may be that were busy; of a service without a limit, of those there are.
    package var utilisation = 0.0
    /// How many were busy on the average.
    package var busy = 0.0
    package var uses = 0.0
    package var starts = 0.0
    package var failures = 0.0

    package init() {}

    /// Nil when it is another service, or no time went by.
    init?(from old: ServiceOverview, at before: Int64, to new: ServiceOverview, at now: Int64) {
        guard old.row == new.row, old.texts.life == new.texts.life, now > before, new.load.uses >= old.load.uses else {
            return nil
        }
        let seconds = Double(now - before) / 1000
        busy = max(Double(new.busyTime(at: now) - old.busyTime(at: before)) / 1000 / seconds, 0)
        let most = Double(new.counts.processLimit > 0 ? new.counts.processLimit : max(new.total, 1))
        utilisation = min(busy / most, 1)
        uses = Double(new.load.uses &- old.load.uses) / seconds
        starts = Double(new.counts.starts &- old.counts.starts) / seconds
        let failed =
            (new.counts.failedEnds &+ new.counts.killedEnds) &- (old.counts.failedEnds &+ old.counts.killedEnds)
        failures = Double(failed) / seconds
    }

    /// A single look tells only of this moment.
    init(_ service: ServiceOverview) {
        busy = Double(service.load.busy)
        utilisation = min(service.utilisation, 1)
    }
}
