//===----------------------------------------------------------------------===//
// Quartermaster: guests of a chat, one of whom does not read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServiceTesting
import Testing

@testable import chat

struct ChatTests {
    @Test("who has said goodbye is not called too slow while that waits")
    func goodbye() throws {
        let tester = try ServiceTester(event: Chat.self)
        let (leaver, speaker) = (try tester.connect(), try tester.connect())
        _ = try leaver.received()
        try leaver.stopReading()
        // So much that the kernel has more room only when that is taken, and yet takes more.
        for number in 1...2 { try speaker.send("\(number)\n") }
        try leaver.failWrite(with: .noRoom)
        try leaver.send("/quit\n")
        try speaker.send("3\n")
        #expect(try !leaver.isDisconnected())
        try leaver.readOn()
        #expect(try leaver.received() == "guest2: 1\nguest2: 2\n* goodbye\n")
        #expect(try leaver.isDisconnected())
        #expect(tester.log.isEmpty)
    }
}
