//===----------------------------------------------------------------------===//
// Quartermaster: what a child counts for those who want to see it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls
import WorkerPage

extension ChildLife {
    /// A turn with so many requests is over. They count as equally long: the clock is read once a turn, not once a
    /// request, which would cost one percent of a kept request. The time is that from the end of the wait: what reads
    /// and writes took is in it.
    func countTurn(requests: Int) {
        if requests > 0 { countTime(since: loop.now, requests: requests) }
    }

    /// The same for a part of a turn that began at `start`.
    func countTime(since start: LoopTime, requests: Int = 1) {
        counts.countTime(nanoseconds: Clock.monotonicNanoseconds() - start.nanoseconds, of: requests)
    }

    /// What went to and fro since the last time.
    func count(_ client: inout BlockingClient) {
        let (received, sent) = client.takeCounts()
        counts.count(.received, received)
        counts.count(.sent, sent)
    }
}
