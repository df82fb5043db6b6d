//===----------------------------------------------------------------------===//
// Quartermaster: how an event server leaves its clients to a child
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension EventLifeTests {
    #if DEBUG
    @Test("without memory for a child the process finishes itself, and tries again")
    func noFork() throws {
        let scene = try EventScene(["finish=300"])
        let client = try scene.room.connect()
        #expect(try client.ask("fault fork\nx") == "x")
        scene.child.closeStatus()
        #expect(scene.room.log.contains("leave clients to a child: Cannot allocate memory -- trying again"))
        #expect(try client.ask("still served") == "still served")
        #expect(scene.child.exit() == 0, "it worked the second time")
        #expect(try client.ask("and now") == "and now")
    }
    #endif

    @Test("the child serves when its parent has ended, and not beside it")
    func oneAtATime() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("pid") == "\(scene.child.pid)")
        let trace = try Traced(scene.child.pid, "-e", "trace=exit_group", "-e", "inject=exit_group:delay_enter=1000000")
        defer { trace.end() }
        try client.send("drain\n")
        #expect(try client.socket.number.waitForInput(milliseconds: 400) == false)
        #expect(scene.child.exit() == 0)
        #expect(try client.line().hasPrefix("drained true "))
    }

    @Test("while a library has threads there is no child: the process finishes itself, until they have ended")
    func threads() throws {
        let scene = try EventScene(["finish=300"])
        let client = try scene.room.connect()
        #expect(try client.ask("thread") == "begun")
        scene.child.closeStatus()
        let text = "threads of a library keep clients from being left to a child -- serving them here to their end"
        #expect(scene.room.log.contains(text))
        #expect(try client.ask("drain") == "drained false \(scene.child.pid)")
        #expect(try client.ask("join") == "ended")
        #expect(scene.child.exit() == 0, "it worked the second time")
        #expect(try client.ask("pid") != "\(scene.child.pid)")
        #expect(scene.room.log.count(text) == 1)
    }

    @Test("a service may leave its clients to a child by itself; master hears nothing of it")
    func drain() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        let answer = try client.ask("drain").split(separator: " ")
        #expect(answer.prefix(2) == ["drained", "true"])
        let heir = try #require(Int32(answer[2]))
        #expect(scene.child.exit() == 0)
        _ = try scene.child.records(100, within: 300)
        #expect(try client.ask("y") == "y")
        #expect(try client.ask("drain") == "drained true \(heir)", "once is enough")
        #expect(try scene.child.records(1, within: 300) == [])
        for number in 5...6 {
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(heir)/fd/\(number)")
            #expect(target == "/dev/null", "\(number)")
        }
        kill(heir, SIGTERM)
        #expect(client.isDisconnected())
        #expect(eventually { ProcessTable.hasEnded(heir) })
    }

    @Test("a child that is to leave looks at no endpoint, since it has none")
    func terminatedChild() throws {
        let scene = try EventScene(["finish=300"])
        let client = try scene.room.connect()
        let answer = try client.ask("drain").split(separator: " ")
        let heir = try #require(Int32(answer.last ?? ""))
        #expect(scene.child.exit() == 0)
        kill(heir, SIGTERM)
        #expect(eventually { scene.room.log.count("hook leave ") == 1 }, "\(scene.room.log.text)")
        #expect(try client.ask("still served") == "still served")
        #expect(!scene.room.log.text.contains("accept connection"), "\(scene.room.log.text)")
        try client.send("quit\n")
        #expect(eventually { ProcessTable.hasEnded(heir) })
    }

    @Test("a child that is made while master does not listen has nothing to do with its channel")
    func drainWithFullChannel() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        #expect(try scene.child.records(2).count == 2)
        // TAKEN has room, and AVAIL is owed, until the channel is writable (EPOLLOUT is 4).
        try scene.child.fillStatus(leavingRoomFor: 1)
        #expect(try client.ask("y") == "y")
        #expect(try eventually { try scene.child.registration(5).map { $0 & 4 != 0 } == true })
        let answer = try client.ask("drain").split(separator: " ")
        let heir = try #require(Int32(answer.last ?? ""))
        #expect(answer.prefix(2) == ["drained", "true"])
        #expect(scene.child.exit() == 0)
        while try !scene.child.records(100, within: 300).isEmpty {}
        // The kernel would report for ever what nobody can take back.
        #expect(try ServerChild.registration(5, of: heir) == nil)
        #expect(try client.ask("z") == "z")
        try client.send("quit\n")
        #expect(eventually { ProcessTable.hasEnded(heir) })
    }
}
