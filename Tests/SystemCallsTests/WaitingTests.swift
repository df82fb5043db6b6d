//===----------------------------------------------------------------------===//
// Quartermaster: tests of waits that signals interrupt
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import SystemCalls
import Testing

@Suite struct WaitingTests {
    /// In a process of one thread, so that it is the waiting that the signal interrupts.
    @Test("a wait ends in its time although an alarm comes more often", arguments: [true, false])
    func interrupted(_ isForInput: Bool) async {
        await #expect(processExitsWith: .success) { [isForInput] in
            let pair = try makeSocketPair()
            let block = [UInt8](repeating: 0, count: 65536)
            while try pair.first.number.send(block) != .wouldBlock {}
            let child = try forkProcess()
            if child == 0 { waitUnderAlarms(pair.first.number, isForInput: isForInput) }
            // Long before this, unless each alarm starts the wait anew.
            let ended = eventuallyEnded(child)
            if !ended { try? sendSignal(.kill, to: child) }
            #expect(ended)
            if !ended { _ = try waitForChild(child) }
        }
    }

    @Test("a wait without a limit goes on when it was interrupted")
    func unlimited() async {
        await #expect(processExitsWith: .success) {
            let pair = try makeSocketPair()
            let child = try forkProcess()
            if child == 0 {
                do {
                    try Watchdog.start(seconds: 3)
                    Watchdog.waitBegins()
                    exitAtOnce(try pair.first.number.waitForInput(milliseconds: -1) ? 0 : 1)
                } catch {
                    exitAtOnce(2)
                }
            }
            pause(milliseconds: 1500)
            _ = try pair.second.number.write([1])
            #expect(try waitForChild(child) == .exited(status: 0))
        }
    }
}

extension WaitingTests {
    @Test("a pause may be asked for that is longer than the kernel's can be")
    func longPause() async {
        await #expect(processExitsWith: .signal(SIGALRM)) {
            ualarm(100_000, 0)
            pause(milliseconds: .max)
        }
    }
}

/// With the alarm of a watchdog every second, waits for one and a half; exits with 0 when that is what it took.
private func waitUnderAlarms(_ number: DescriptorNumber, isForInput: Bool) -> Never {
    do {
        try Watchdog.start(seconds: 3)
        Watchdog.waitBegins()
        let begun = Clock.monotonicNanoseconds()
        let found =
            isForInput
            ? try number.waitForInput(milliseconds: 1500) : try number.waitForOutput(milliseconds: 1500)
        let waited = Clock.monotonicNanoseconds() - begun
        exitAtOnce(!found && waited >= 1_490_000_000 ? 0 : 1)
    } catch {
        exitAtOnce(2)
    }
}

private func eventuallyEnded(_ child: Int32) -> Bool {
    for _ in 0..<3000 {
        if let end = reapChild() {
            #expect(end.pid == child && end.status == .exited(status: 0))
            return true
        }
        pause(milliseconds: 10)
    }
    return false
}
