//===----------------------------------------------------------------------===//
// Quartermaster: tests of which of many moments comes next
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import AsyncServices

@Suite struct TimerHeapTests {
    @Test("in the order of their moments, whatever was added and removed in between", arguments: 0..<20)
    func order(_ seed: UInt64) {
        var random = Numbers(seed: seed)
        var heap = TimerHeap<Int>()
        var expected: [Int: Int64] = [:]
        var names: [Int: TimerHeap<Int>.TimerID] = [:]
        var now: Int64 = 0
        for number in 0..<2000 {
            switch random.next(below: 4) {
            case 0, 1:
                let moment = now + Int64(random.next(below: 500))
                names[number] = heap.add(number, at: moment)
                expected[number] = moment
            case 2:
                guard let other = names.keys.min() else { continue }
                let removed = heap.remove(names[other]!)
                #expect(removed == (expected[other] == nil ? nil : other))
                names[other] = nil
                expected[other] = nil
            default:
                now += Int64(random.next(below: 100))
                while let due = heap.popDue(now) {
                    let least = expected.values.min()
                    #expect(expected[due] == least, "nothing earlier is left")
                    expected[due] = nil
                }
                #expect(expected.values.allSatisfy { $0 > now })
            }
            #expect(heap.count == expected.count)
            #expect(heap.next == expected.values.min())
        }
    }

    @Test("the name of a timer that is over names nothing, also when its place is used again")
    func staleName() {
        var heap = TimerHeap<String>()
        let first = heap.add("first", at: 10)
        #expect(heap.popDue(10) == "first")
        let second = heap.add("second", at: 20)
        #expect(heap.remove(first) == nil)
        #expect(heap.next == 20)
        #expect(heap.remove(second) == "second")
        #expect(heap.remove(second) == nil)
        #expect(heap.next == nil)
    }

    @Test("nor does one of those that were all forgotten")
    func forgotten() {
        var heap = TimerHeap<Int>()
        let names = (0..<5).map { heap.add($0, at: Int64($0)) }
        heap.removeAll()
        #expect(heap.next == nil && heap.count == 0)
        for name in names { #expect(heap.remove(name) == nil) }
        let next = heap.add(7, at: 9)
        for name in names { #expect(heap.remove(name) == nil) }
        #expect(heap.popDue(9) == 7)
        #expect(heap.remove(next) == nil)
    }

    @Test("nothing is due before its moment")
    func notYet() {
        var heap = TimerHeap<Int>()
        _ = heap.add(1, at: 10)
        #expect(heap.popDue(9) == nil)
        #expect(heap.popDue(10) == 1)
        #expect(heap.popDue(11) == nil)
    }
}

@Suite struct LoopClockTests {
    @Test("moments that are too far are as far as there is")
    func far() {
        let now = LoopClock.now
        #expect(now < now.advanced(by: .seconds(Int64.max)))
        #expect(now.advanced(by: .seconds(1)).duration(to: now) == .seconds(-1))
        #expect(now.advanced(by: .milliseconds(-5)) < now)
        #expect(now.advanced(by: .seconds(Int64.min)) < now)
        #expect(now.duration(to: now.advanced(by: .nanoseconds(1))) == .nanoseconds(1))
    }
}

/// The same numbers for the same seed.
private struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next(below limit: UInt64) -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state % limit
    }
}

struct DurationTests {
    @Test("a duration is whole milliseconds, and one that is too long is as long as may be")
    func milliseconds() {
        #expect(Duration.seconds(3).milliseconds == 3000)
        #expect(Duration.microseconds(1999).milliseconds == 1)
        #expect((Duration.seconds(-1) - .milliseconds(500)).milliseconds == -1500)
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
        #expect(Duration.seconds(Int64.min).milliseconds == .min)
    }
}
