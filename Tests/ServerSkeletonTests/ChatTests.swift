//===----------------------------------------------------------------------===//
// Quartermaster: guests of a chat who leave at a bad moment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct ChatTests {
    @Test("a guest who is gone while lines are passed on costs the others nothing", arguments: [2, 3, 5])
    func goneGuest(_ lines: Int) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("chat", ["-t", "unix", "-l"], room: room, listeners: [listener.number])
        let first = try room.connect()
        var second: TestPeer? = try room.connect()
        let speaker = try room.connect()
        // Everybody is there when what the last one says has come.
        try speaker.send("ready?\n")
        for guest in [first, second] { try #require(guest).receive(until: "ready?\n") }
        kill(child.pid, SIGSTOP)
        try speaker.send((1...lines).map { "line \($0)\n" }.joined())
        second = nil
        kill(child.pid, SIGCONT)
        try first.receive(until: "line \(lines)\n")
        #expect(child.isRunning)
    }
}

extension TestPeer {
    /// Reads up to the end of `text`.
    fileprivate func receive(until text: String) throws {
        var heard = ""
        while !heard.hasSuffix(text) {
            let next = try receive(1)
            if next.isEmpty { throw TestSupportError("\(heard) without \(text)") }
            heard += next
        }
    }
}
