//===----------------------------------------------------------------------===//
// Quartermaster: tests of an event loop that the kernel or libevent refuses something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls
import Testing

@Suite struct ShortageTests {
    @Test("what cannot be watched says so with the error of epoll_ctl(2)")
    func regularFile() throws {
        var loop = try EventLoop(capacity: 4)
        let file = try openFile("/proc/self/exe", .readOnly)
        #expect(throws: SystemError(.epollControl, .notPermitted)) {
            _ = try loop.watch(file.number, for: .readable, token: EventToken(kind: 1))
        }
    }

    @Test(
        "a watch that was refused works when it is tried again",
        arguments: [Errno.noMemory.rawValue, Errno.noSpace.rawValue]
    )
    func refusedWatch(_ number: Int32) async {
        await #expect(processExitsWith: .success) { [number] in
            let code = Errno(rawValue: number)
            var loop = try EventLoop(capacity: 4)
            let pair = try makeSocketPair()
            _ = try pair.second.number.write([1])
            FaultPlan.fail(.epollControl, with: code)
            #expect(throws: SystemError(.epollControl, code)) {
                _ = try loop.watch(pair.first.number, for: .readable, token: EventToken(kind: 1))
            }
            let watch = try loop.watch(pair.first.number, for: .readable, token: EventToken(kind: 1))
            loop.stop(watch)
            FaultPlan.fail(.epollControl, with: code)
            #expect(throws: SystemError(.epollControl, code)) { try loop.start(watch) }
            try loop.turn(waitingAtMost: 0)
            #expect(loop.next() == nil, "not active")
            try loop.start(watch)
            try loop.turn(waitingAtMost: 90_000)
            #expect(loop.next()?.token.kind == 1)
        }
    }

    @Test("a listener whose exclusive registration is refused is watched plainly")
    func plainInstead() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let pair = try makeSocketPair()
            _ = try pair.second.number.write([1])
            // libevent's own registration and its removal pass; the exclusive one does not.
            FaultPlan.fail(.epollControl, with: .noMemory, afterPassing: 2)
            _ = try loop.watch(pair.first.number, for: .readableExclusively, token: EventToken(kind: 1))
            try loop.turn(waitingAtMost: 90_000)
            #expect(loop.next()?.token.kind == 1)
        }
    }

    @Test("a listener that lost its registration altogether is not active, and can be started again")
    func deafListener() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let pair = try makeSocketPair()
            let watch = try loop.watch(pair.first.number, for: .readableExclusively, token: EventToken(kind: 1))
            loop.stop(watch)
            _ = try pair.second.number.write([1])
            FaultPlan.fail(.epollControl, with: .noMemory, afterPassing: 2, times: 2)
            #expect(throws: SystemError(.epollControl, .noMemory)) { try loop.start(watch) }
            try loop.turn(waitingAtMost: 0)
            #expect(loop.next() == nil)
            try loop.start(watch)
            try loop.turn(waitingAtMost: 90_000)
            #expect(loop.next()?.token.kind == 1)
        }
    }

    @Test("a timer that libevent has no memory for rings all the same, once and not before its time")
    func timerWithoutMemory() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let timer = loop.makeTimer(token: EventToken(kind: 1))
            let begun = Clock.monotonicNanoseconds()
            FaultPlan.fail(.eventAdd, with: .noMemory, times: .max)
            loop.arm(timer, milliseconds: 120)
            var rings = 0
            // Turns without a limit of their own: the loop has to come back by itself.
            for _ in 0..<100 where rings == 0 {
                try loop.turn(waitingAtMost: nil)
                while let occurrence = loop.next() {
                    #expect(occurrence.what == .timer && occurrence.token.kind == 1)
                    rings += 1
                }
            }
            #expect(rings == 1)
            #expect(loop.now.nanoseconds - begun >= 120_000_000)
            try loop.turn(waitingAtMost: 20)
            #expect(loop.next() == nil)
        }
    }

    @Test("a timer held for want of memory goes to libevent as soon as there is some, and can be stopped before")
    func heldTimer() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let timers = [1, 2].map { loop.makeTimer(token: EventToken(kind: $0)) }
            FaultPlan.fail(.eventAdd, with: .noMemory, times: 3)
            for timer in timers { loop.arm(timer, milliseconds: 100) }
            loop.stop(timers[1])
            var rings: [UInt32] = []
            for _ in 0..<100 where rings.isEmpty {
                try loop.turn(waitingAtMost: 1000)
                while let occurrence = loop.next() { rings.append(occurrence.token.kind) }
            }
            #expect(rings == [1])
        }
    }

    @Test("a running timer that cannot start over does not ring at its old time")
    func oldTime() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let timer = loop.makeTimer(token: EventToken(kind: 1))
            loop.arm(timer, milliseconds: 5)
            FaultPlan.fail(.eventAdd, with: .noMemory, times: .max)
            loop.arm(timer, milliseconds: 3_600_000)
            for _ in 0..<3 {
                try loop.turn(waitingAtMost: 30)
                #expect(loop.next() == nil)
            }
            FaultPlan.clear()
            loop.arm(timer, milliseconds: 0)
            try loop.turn(waitingAtMost: 90_000)
            #expect(loop.next()?.token.kind == 1)
        }
    }
}
