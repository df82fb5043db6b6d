//===----------------------------------------------------------------------===//
// Quartermaster: every order of events for small numbers of processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import Testing

/// Walks through every state that fork, TAKEN, AVAIL, exits, reloads, throttles, stress and removal can lead to with up
/// to three processes, and holds in each: somebody accepts, or master watches, or the limit is reached, or the service
/// is throttled or leaving; the counts are the truth; and there are never two who watch.
@Suite struct EnumerationTests {
    @Test(arguments: [Int32(0), 1, 2, 3], [Int32(1), 2, 3])
    func everyOrderOfEventsKeepsThePromises(limit: Int32, concurrentStarts: Int32) {
        var frontier = [World(limit: limit, concurrentStarts: concurrentStarts)]
        var seen: Set<UInt64> = [frontier[0].key]
        var removals = 0
        var spawnsAhead: UInt64 = 0
        while let world = frontier.popLast() {
            guard world.withstandsGarbage() else {
                Issue.record("garbage changed something after \(world.trace)")
                return
            }
            var failed: World?
            world.possibilities { happening in
                var next = world
                next.happen(happening)
                if next.failure != nil { failed = next }
                if next.isGone { removals += 1 }
                spawnsAhead = max(spawnsAhead, next.policy.counters.spawnsAhead)
                if seen.insert(next.key).inserted { frontier.append(next) }
            }
            if let failed {
                Issue.record("\(failed.failure ?? ""): after \(failed.trace)")
                return
            }
        }
        #expect(removals > 0)
        // One has a client, so two more have to fit.
        #expect((spawnsAhead > 0) == (concurrentStarts > 1 && ![1, 2].contains(limit)))
        // The walk ends by itself; a world that fell asleep would pass for a correct one.
        let fewest = [0: 5_000, 1: 60, 2: 1_500, 3: 10_000]
        #expect(seen.count >= fewest[Int(limit)] ?? 0)
    }
}
