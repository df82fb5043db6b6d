//===----------------------------------------------------------------------===//
// Quartermaster: how processes that are triggered live and end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension TriggerTests {
    @Test("the use limit counts triggers, the idle limit begins with the end of the last", arguments: Way.allCases)
    func limits(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let used = try start(door, ["-m", "2"])
        for _ in 0..<2 {
            _ = try door.trigger("x")
            #expect(try used.records(2) == [used.taken(), used.available()])
        }
        #expect(used.exit() == 0)
        // There before the process, which might be idle for too long otherwise.
        try closeGate(room)
        let kept = try door.trigger("y")
        let idle = try start(door, ["-i", "1", "-v"])
        #expect(try idle.records(1) == [idle.taken()])
        rest(.milliseconds(1500))
        let begin = ContinuousClock.now
        try openGate(room)
        #expect(idle.exit() == 0)
        #expect(ContinuousClock.now - begin > .milliseconds(900))
        #expect(room.log.contains("idle timeout -- exiting"))
        #expect(eventually { room.log.count("hook exit") == 2 })
        withExtendedLifetime(kept) {}
    }

    @Test("triggers that nobody took stay for the next process", arguments: Way.allCases)
    func triggersThatStay(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door)
        child.closeStatus()
        #expect(child.exit() == 0)
        // A pipe that is passed on lives as long as the connection it waits in.
        let kept = try door.trigger("waiting")
        let next = try start(door)
        #expect(room.log.contains("call 1: 7 bytes, 'waiting'"))
        #expect(next.isRunning)
        withExtendedLifetime(kept) {}
    }

    @Test(
        "a trigger that came before master went is dealt with by the next process at the latest",
        arguments: Way.allCases
    )
    func lastTrigger(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door)
        kill(child.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        let kept = try door.trigger("last")
        child.closeStatus()
        kill(child.pid, SIGCONT)
        #expect(child.exit() == 0)
        let next = room.log.text.contains("'last'") ? nil : try start(door)
        defer { withExtendedLifetime(next) {} }
        #expect(room.log.contains("call 1: 4 bytes, 'last'"))
        withExtendedLifetime(kept) {}
    }

    @Test("the trigger at hand is dealt with although master is gone")
    func masterGone() throws {
        let room = try ServerRoom()
        let door = try Door(.unix, room)
        let child = try start(door)
        try closeGate(room)
        _ = try door.trigger("one")
        #expect(try child.records(1) == [child.taken()])
        child.closeStatus()
        try openGate(room)
        #expect(child.exit() == 0)
        #expect(room.log.contains("call 1 is over"))
        #expect(room.log.contains("hook exit"))
    }

    @Test("siblings take turns with the lock under another master, and need none under ours", arguments: Way.allCases)
    func serviceLock(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let lock = "\(room.queue)/pid/\(way.rawValue).shared"
        for (options, parent) in [([], Parent.ours), (["-l"], .foreign)] {
            let child = try start(door, ["-n", "shared"] + options, parent: parent)
            child.closeStatus()
            #expect(child.exit() == 0)
        }
        #expect(!FileManager.default.fileExists(atPath: lock))
        let children = try (0..<2).map { _ in try start(door, ["-n", "shared"], parent: .foreign) }
        try closeGate(room)
        var kept: [TestPeer?] = []
        for index in 1...2 {
            kept.append(try door.trigger("x"))
            // One works, and the other one waits with the lock for the next.
            #expect(eventually { room.log.count(": 1 bytes, 'x'") == index })
        }
        for child in children { #expect(try child.records(1) == [child.taken()]) }
        try openGate(room)
        for child in children { #expect(try child.records(1) == [child.available()]) }
        withExtendedLifetime(kept) {}
    }

    @Test("a service that wants a fresh process leaves its trigger to that one", arguments: Way.allCases)
    func leaving(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door, serve: "trigger-leaving")
        let kept = try door.trigger("x")
        #expect(child.exit() == 0)
        #expect(room.log.contains("map has changed -- restarting"))
        let next = try start(door)
        #expect(room.log.contains("call 1: 1 bytes, 'x'"))
        #expect(next.isRunning)
        withExtendedLifetime(kept) {}
    }

    @Test("the watchdog's limit is that of the parameter which the service names")
    func watchdog() throws {
        let room = try ServerRoom("trigger_watchdog = 3s")
        let door = try Door(.unix, room)
        let child = try start(door)
        try closeGate(room)
        _ = try door.trigger("x")
        #expect(child.exit() == 1)
        #expect(room.log.contains("watchdog timeout"))
    }
}
