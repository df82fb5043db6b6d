//===----------------------------------------------------------------------===//
// Quartermaster: tests of a server's listeners taking turns
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct FairnessTests {
    /// Every client costs a token, and who gets none waits: the tokens show who was accepted first.
    @Test("one client beside a crowd on another listener is among the first", arguments: [0, 1])
    func aCrowdOnOneListenerStarvesNoOther(_ crowded: Int) throws {
        try inTime(.seconds(9)) { clock in
            let room = try ServerRoom("in_flow_delay = 10s")
            let first = try room.unixListener("first")
            let second = try room.unixListener("second")
            for listener in [first.number, second.number] { try listener.listen(backlog: 200) }
            let names = crowded == 0 ? ["first", "second"] : ["second", "first"]
            var crowd: [TestPeer] = []
            for _ in 0..<150 {
                crowd.append(try room.connect(names[0]))
                try crowd.last?.send("x")
            }
            let single = try room.connect(names[1])
            try single.send("y")
            clock.start()
            let child = try ServerChild(
                "test-service",
                ["-t", "unix", "-s", "2", "serve=flow"],
                room: room,
                listeners: [first.number, second.number],
                tokens: 70
            )
            func served() -> Int { crowd.count { (try? $0.socket.number.unreadBytes()) == 1 } }
            #expect(try single.receive(1) == "y")
            // Had the crowd all the tokens, 70 of it would have been served before, and the single one after a delay.
            #expect(served() <= 69, "one of the first 70")
            clock.stop()
            #expect(eventually { served() >= 69 })
            #expect(child.isRunning)
        }
    }
}
