//===----------------------------------------------------------------------===//
// Quartermaster: every order of events for small numbers of processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import Testing

/// What a walk through every state came to.
private struct Walk {
    var seen: Set<World.Key> = []
    var removals = 0
    var spawnsAhead: UInt64 = 0
    var spawnsBesideIdle: UInt64 = 0
    var nudges: UInt64 = 0
    var failure: String?

    /// Goes on until no order of events leads to a state that was not seen, or a promise is broken.
    init(from start: World, _ check: (World) -> String?) {
        // Breadth first, so that a failure shows one of the shortest ways to it.
        var level = [start]
        seen.insert(start.key)
        while !level.isEmpty {
            var next: [World] = []
            for world in level where failure == nil { step(world, check, &next) }
            level = failure == nil ? next : []
        }
    }

    private mutating func step(_ world: World, _ check: (World) -> String?, _ frontier: inout [World]) {
        if let problem = check(world) {
            failure = "\(problem): after \(world.trace)"
            return
        }
        var failed: World?
        world.possibilities { happening in
            var next = world
            next.happen(happening)
            if next.failure != nil { failed = next }
            if next.isGone { removals += 1 }
            spawnsAhead = max(spawnsAhead, next.policy.counters.spawnsAhead)
            spawnsBesideIdle = max(spawnsBesideIdle, next.policy.counters.spawnsBesideIdle)
            nudges = max(nudges, next.policy.counters.nudges)
            if seen.insert(next.key).inserted { frontier.append(next) }
        }
        if let failed { failure = "\(failed.failure ?? ""): after \(failed.trace)" }
    }
}

@Suite struct EnumerationTests {
    /// Every state that fork, TAKEN, AVAIL, exits, reloads, throttles, stress and removal can lead to with up to three
    /// processes: in each, a process accepts, or master watches, or the limit is reached, or the service is throttled
    /// or leaving; the counts are the truth; there are never two who watch; garbage changes nothing; and the state can
    /// be written out and read back.
    @Test("every order of events keeps the promises", arguments: [Int32(0), 1, 2, 3], [Int32(1), 2, 3])
    func everyOrder(limit: Int32, concurrentStarts: Int32) {
        let walk = Walk(from: World(limit: limit, concurrentStarts: concurrentStarts)) { world in
            if !world.withstandsGarbage() { return "garbage changed something" }
            return world.isTheSameReadBack() ? nil : "reading the state back changed something"
        }
        #expect(walk.failure == nil)
        #expect(walk.removals > 0)
        // One has a client, so two more have to fit.
        #expect((walk.spawnsAhead > 0) == (concurrentStarts > 1 && ![1, 2].contains(limit)))
        // The walk ends by itself; a world that fell asleep would pass for a correct one.
        let fewest = [0: 5_000, 1: 60, 2: 1_500, 3: 10_000]
        #expect(walk.seen.count >= fewest[Int(limit)] ?? 0)
    }

    /// One client is followed while processes are woken for it, pause, end, get stuck and retire, and while the kernel
    /// refuses watches and channels, or reports are left out since the channel is full: in every state the promise
    /// about waiting clients holds, and looks alone bring the client to a process within a second.
    @Test(
        "every client that waits is served soon, in every order of events",
        arguments: [(1, [.shortage, .stuck]), (1, [.shortage, .fullChannel]), (2, [.stuck]), (2, [.fullChannel])]
            as [(Int32, Troubles)]
    )
    func everyClientIsServedSoon(limit: Int32, troubles: Troubles) {
        let walk = Walk(from: World(limit: limit, scope: .wakeups, troubles: troubles)) { world in
            if !world.isNewcomerServedSoon() { return "a client waits for longer than a second" }
            return world.isTheSameReadBack() ? nil : "reading the state back changed something"
        }
        #expect(walk.failure == nil)
        #expect((walk.nudges > 0) == (limit > 1))
        #expect((walk.spawnsBesideIdle > 0) == (limit > 1))
        #expect(walk.seen.count >= (limit == 1 ? 900 : 50_000))
    }

    /// What administrators ask for comes at any moment, beside forks, reports, exits, throttles, reloads and removal.
    /// In each state the promises of `checkSteering` hold: held exactly when asked for, nobody is started then, a drain
    /// ends when the last process is gone, those included that children have left their clients to, clients are turned
    /// away as asked, what waits has a timer; and the state can be written out and read back.
    @Test(
        "drains, retirements and their like keep the promises, in every order of events",
        arguments: [
            (0, []), (1, []), (2, []), (0, .retirement), (1, .retirement), (2, .retirement), (1, .gate),
            (1, .heirs),
        ]
            as [(Int32, Troubles)]
    )
    func everyOrderOfSteering(limit: Int32, troubles: Troubles) {
        let most = limit == 0 ? 2 : Int(limit)
        let walk = Walk(from: World(limit: limit, scope: .steering, troubles: troubles, most: most)) { world in
            if !world.withstandsGarbage() { return "garbage changed something" }
            return world.isTheSameReadBack() ? nil : "reading the state back changed something"
        }
        #expect(walk.failure == nil)
        #expect(walk.removals > 0)
        // A single process at its limit is not replaced beside itself.
        #expect(walk.seen.count >= (limit == 1 && troubles == .retirement ? 100 : 800))
    }

    /// Reloads that keep processes, that are spread out, and that take an address away come at any moment, beside
    /// forks, reports, exits, throttles, retirements, drains and removal. In each state the promises of `checkReloads`
    /// hold: a reload that keeps processes tells none to leave; one that is spread out tells all of them in the end;
    /// what was lost is looked at until it is empty or its time is over; and the state can be written out and read
    /// back.
    @Test(
        "reloads that touch little, or take their time, keep the promises, in every order of events",
        arguments: [Int32(1), 2]
    )
    func everyOrderOfReloads(limit: Int32) {
        let walk = Walk(from: World(limit: limit, scope: .steering, troubles: .reloads, most: Int(limit))) { world in
            if !world.withstandsGarbage() { return "garbage changed something" }
            return world.isTheSameReadBack() ? nil : "reading the state back changed something"
        }
        #expect(walk.failure == nil)
        #expect(walk.removals > 0)
        #expect(walk.seen.count >= (limit == 1 ? 200 : 1_500), "\(walk.seen.count)")
    }

    /// Three processes with all troubles have more states than can be walked through, so these are samples.
    @Test("the same with three processes and all troubles, on many random ways", arguments: [Int32(0), 2, 3])
    func everyClientIsServedSoonOnRandomWays(limit: Int32) {
        var random = SplitMix(seed: UInt64(limit) + 1)
        var nudges: UInt64 = 0
        for _ in 0..<150 {
            var world = World(limit: limit, scope: .wakeups, troubles: [.shortage, .stuck, .fullChannel])
            for _ in 0..<80 {
                var possible: [Happening] = []
                world.possibilities { if !$0.isEnd || random.next() % 16 == 0 { possible.append($0) } }
                guard let happening = possible.randomElement(using: &random) else { continue }
                world.happen(happening)
                let isServed = world.isNewcomerServedSoon()
                if world.failure == nil, isServed { continue }
                Issue.record("\(world.failure ?? "a client waits for longer than a second"): after \(world.trace)")
                return
            }
            nudges += world.policy.counters.nudges
        }
        #expect(nudges > 100)
    }
}

extension Happening {
    /// Events that throw away what was reached: rare, so that the ways between them are long.
    fileprivate var isEnd: Bool {
        switch self {
        case .exitsWell, .exitsBadly, .reload, .kernelRunsShort, .getsStuck, .spawnFails: true
        default: false
        }
    }
}
