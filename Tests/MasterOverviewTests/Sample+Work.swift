//===----------------------------------------------------------------------===//
// Quartermaster: what daemons have served, as a sample
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import WorkerPage

extension Sample {
    static var workers: WorkerOverview {
        var smtp = WorkerFigures(name: "smtp/inet")
        (smtp.processes, smtp.open, smtp.counters) = (2, 3, [12, 9, 40, 1000, 2000, 1_500_000_001])
        (smtp.times[0], smtp.times[4], smtp.times[23]) = (30, 9, 1)
        // Whoever is mail_owner can write anything into the page.
        var odd = WorkerFigures(name: "a\"b/c\n/unix")
        odd.counters = [UInt64](repeating: .max, count: odd.counters.count)
        odd.times[1] = .max
        odd.times[2] = 2
        var workers = WorkerOverview()
        (workers.master, workers.uncounted, workers.services) = (4711, 5, [odd, smtp])
        return workers
    }
}
