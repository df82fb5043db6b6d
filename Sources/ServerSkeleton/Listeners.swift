//===----------------------------------------------------------------------===//
// Quartermaster: the endpoints a process accepts on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterProtocol
import SystemCalls

/// The inherited listening sockets: which are ready, and whether we accept at all at present.
struct Listeners: ~Copyable {
    /// Clients accepted in one turn at most, so that those who are connected get their turn, too.
    static let batch = 64
    /// How long a process without descriptors waits for one, unless a client leaves earlier.
    static let pauseMilliseconds: Int64 = 1000
    /// Seconds between two messages about it.
    static let gateSeconds: Int64 = 60

    private var numbers: [DescriptorNumber] = []
    private var watches: [WatchID] = []
    /// Indexes of those that have a client, as far as we know.
    private var ready: [Int] = []
    /// Which of the ready ones is next: they take turns, so that no address starves another.
    private var place = 0
    private(set) var isPaused = false
    var budget = 0
    var gate = MessageGate(intervalSeconds: gateSeconds)
    var timer: WatchID?

    mutating func open(_ circumstances: StreamCore.Circumstances, _ loop: inout EventLoop) throws(SystemError) {
        for index in 0..<circumstances.socketCount {
            let number = DescriptorNumber(InheritedDescriptor.firstListener + Int32(index))
            // Accepted sockets inherit the option from their listener.
            if circumstances.transport == .inet { try? number.setOption(.keepAlive, 1) }
            let token = EventToken(kind: StreamCore.Kind.listener, index: UInt32(index))
            watches.append(try loop.watch(number, for: .readableExclusively, token: token))
            numbers.append(number)
        }
        ready.reserveCapacity(numbers.count)
    }

    var hasReady: Bool { !ready.isEmpty }

    mutating func isReady(_ index: UInt32) {
        if ready.isEmpty { budget = Self.batch }
        if !ready.contains(Int(index)) { ready.append(Int(index)) }
    }

    /// The listener to try next; nil when all are done or the batch is full.
    mutating func next() -> DescriptorNumber? {
        if budget == 0 { ready.removeAll(keepingCapacity: true) }
        guard !ready.isEmpty else { return nil }
        place = (place + 1) % ready.count
        return numbers[ready[place]]
    }

    /// The queue of the last one tried is empty.
    mutating func isDone() { ready.remove(at: place) }

    mutating func pause(_ loop: inout EventLoop) {
        isPaused = true
        ready.removeAll(keepingCapacity: true)
        for watch in watches { loop.stop(watch) }
    }

    mutating func resume(_ loop: inout EventLoop) throws(SystemError) {
        isPaused = false
        for watch in watches { try loop.start(watch) }
    }
}
