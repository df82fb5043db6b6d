//===----------------------------------------------------------------------===//
// Quartermaster: tests of many processes that wait for one client
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import Foundation
import SystemCalls
import Testing

@Suite struct ExclusiveWakeupTests {
    /// Four processes wait on one listener. With plain registration a connection would wake all of them.
    @Test("one connection wakes one of many processes")
    func oneOfMany() async {
        await #expect(processExitsWith: .success) {
            let (wakeups, served) = try connect(50, toProcesses: 4)
            #expect(served == 50)
            // A herd would be two hundred.
            #expect(wakeups <= 60, "\(wakeups) wake-ups for \(served) connections")
        }
    }
}

/// What a process says each time.
private enum Word {
    static let woken: UInt8 = 1
    static let served: UInt8 = 2
}

/// Makes connections one after the other, each when all processes wait; how often these were woken and served.
private func connect(_ count: Int, toProcesses processes: Int) throws -> (wakeups: Int, served: Int) {
    let listener = try makeSocket(.ipv4, .stream)
    try listener.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
    try listener.number.listen(backlog: 100)
    try listener.number.setNonBlocking(true)
    let name = try listener.number.name(ofPeer: false)
    let address = try #require(name)
    let words = try makePipe(nonBlocking: true)
    do {
        var children: [Int32] = []
        defer {
            for child in children {
                try? sendSignal(.kill, to: child)
                _ = try? waitForChild(child)
            }
        }
        for _ in 0..<processes {
            let child = try forkProcess()
            if child == 0 { serve(listener.number, telling: words.second.number) }
            children.append(child)
        }
        for _ in 0..<count {
            try #require(allSleep(children))
            let client = try makeSocket(.ipv4, .stream)
            try client.number.connect(to: address)
            try #require(try client.number.waitForInput(milliseconds: 90_000))
            #expect(try client.number.read(atMost: 1) == [], "served: the server closes")
        }
        try #require(allSleep(children))
    }
    var said: [UInt8] = []
    while let bytes = try words.first.number.read(atMost: 4096), !bytes.isEmpty { said += bytes }
    return (said.count { $0 == Word.woken }, said.count { $0 == Word.served })
}

/// Accepts until it is killed, and says so each time it is woken and each time it has served.
private func serve(_ listener: DescriptorNumber, telling words: DescriptorNumber) -> Never {
    // Whatever becomes of the test.
    armSelfDestruct(seconds: 600)
    do {
        var loop = try EventLoop(capacity: 4)
        _ = try loop.watch(listener, for: .readableExclusively, token: EventToken(kind: 1))
        while true {
            try loop.turn(waitingAtMost: nil)
            while loop.next() != nil {
                _ = try words.write([Word.woken])
                // Time for the others of a herd to wake up while there is still something to see.
                pause(milliseconds: 5)
                if case .client = try listener.accept() { _ = try words.write([Word.served]) }
            }
        }
    } catch {}
    exitAtOnce(1)
}

/// Waits until all of them do, which they do nowhere but in the event loop once their clients are served.
private func allSleep(_ processes: [Int32]) -> Bool {
    for _ in 0..<30_000 {
        if processes.allSatisfy({ state(of: $0) == "S" }) { return true }
        pause(milliseconds: 1)
    }
    return false
}

/// One letter, see proc(5).
private func state(of process: Int32) -> Character? {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return text.split(separator: ")").last?.first { $0 != " " }
}
