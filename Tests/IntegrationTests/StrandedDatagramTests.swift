//===----------------------------------------------------------------------===//
// Quartermaster: tests that no datagram waits beside an idle worker
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// As `StrandedClientTests`, for services whose clients send datagrams.
@Suite("A datagram that one worker was woken for", .timeLimit(.minutes(60))) struct StrandedDatagramTests {
    @Test("the worker that was woken is killed before it receives")
    func killed() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(.datagrams)
            defer { workers.system.end() }
            try workers.haveTwo()
            rest(.milliseconds(1200))
            let before = workers.received
            let held = try workers.pids.map { try HeldProcess($0, .beforeReceiving) }
            try workers.send("stranded")
            var first: Int?
            _ = eventually {
                first = (0...1).first { held[$0].isHeld(within: .zero) }
                return first != nil
            }
            let woken = try #require(first)
            held[1 - woken].release()
            held[woken].kill()
            #expect(try workers.receives(before + 1), "\(workers.system.log)")
            #expect(workers.system.wait(for: "killed by signal 9"), "\(workers.system.log)")
        }
    }

    @Test("the use limit at the end of a burst")
    func useLimit() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(.datagrams, main: ["max_use": "4"])
            defer { workers.system.end() }
            for _ in 0..<10 {
                // The last one may have left between two looks at the list.
                if workers.pids.count < 2 { try? workers.haveTwo() }
                let before = workers.received
                for number in 0..<7 { try workers.send("burst \(number)") }
                #expect(try workers.receives(before + 7), "\(workers.system.log)")
            }
        }
    }
}
