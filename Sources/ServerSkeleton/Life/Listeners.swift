//===----------------------------------------------------------------------===//
// Quartermaster: the endpoints that a process accepts work from
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

/// The inherited endpoints: whether the kernel wakes us for them, and which of them have something for us. What is in
/// them is for others to accept.
struct Listeners: ~Copyable {
    /// Whether we are woken.
    enum Registration { case on, off }

    private var numbers: [DescriptorNumber]
    private let interest: Interest
    /// How much is accepted in one turn at most, so that everything else gets its turn, too.
    private let batch: Int
    private var watches: [WatchID] = []
    /// Indexes of those that have something, as far as we know.
    private var ready: [Int] = []
    /// Which of the ready ones is next: one after the other, so that none starves another.
    private var place = 0
    private var budget = 0
    /// The batch ended before an endpoint was empty.
    private var hasMore = false
    private(set) var registration = Registration.off

    /// - Parameter isExclusive: whether of all processes that wait one is woken; right where master looks after
    ///   clients whose process dies or leaves instead of accepting them.
    init(_ numbers: [DescriptorNumber], isExclusive: Bool, batch: Int) {
        self.numbers = numbers
        interest = isExclusive ? .readableExclusively : .readable
        self.batch = batch
        ready.reserveCapacity(numbers.count)
        watches.reserveCapacity(numbers.count)
    }

    // MARK: registration

    /// All or none: when one of them cannot be watched, the others are not watched either.
    mutating func register(_ loop: inout EventLoop) throws(SystemError) {
        do throws(SystemError) {
            for watch in watches { try loop.start(watch) }
            for index in watches.count..<numbers.count {
                let token = EventToken(.listener, index: UInt32(index))
                watches.append(try loop.watch(numbers[index], for: interest, token: token))
            }
            registration = .on
        } catch {
            unregister(&loop)
            throw error
        }
    }

    /// From here on the kernel wakes others. The client that we were woken for before may still be there: look once
    /// more, or leave it to master.
    mutating func unregister(_ loop: inout EventLoop) {
        for watch in watches { loop.stop(watch) }
        forgetReady()
        registration = .off
    }

    /// There are none any more, for this process. Their numbers stay taken: what is opened next has another one.
    mutating func abandon(_ loop: inout EventLoop) throws(SystemError) {
        for watch in watches { loop.remove(watch) }
        watches.removeAll()
        forgetReady()
        registration = .off
        let abandoned = numbers
        numbers.removeAll()
        for number in abandoned {
            try DescriptorNumber.standardInput.copy(onto: number)
            try number.setCloseOnExec(true)
        }
    }

    private mutating func forgetReady() {
        ready.removeAll(keepingCapacity: true)
        hasMore = false
    }

    // MARK: one after the other

    var hasReady: Bool { !ready.isEmpty }

    mutating func becameReady(_ index: UInt32) {
        if ready.isEmpty { budget = batch }
        hasMore = false
        if !ready.contains(Int(index)) { ready.append(Int(index)) }
    }

    /// Every endpoint is worth a look.
    mutating func areAllReady() {
        for index in numbers.indices { becameReady(UInt32(index)) }
    }

    /// The one to try next; nil when all are empty or the batch is complete.
    mutating func next() -> DescriptorNumber? {
        guard !ready.isEmpty else { return nil }
        place = (place + 1) % ready.count
        return numbers[ready[place]]
    }

    /// The last one tried had something.
    mutating func gaveSomething() {
        budget -= 1
        if budget > 0 { return }
        ready.removeAll(keepingCapacity: true)
        hasMore = true
    }

    /// Another batch in the same turn, if the last one was cut off.
    mutating func beginBatch() {
        if hasMore, registration == .on { areAllReady() }
    }

    /// The last one tried had nothing.
    mutating func wasEmpty() { ready.remove(at: place) }
}
