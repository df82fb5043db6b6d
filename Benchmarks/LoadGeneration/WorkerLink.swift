//===----------------------------------------------------------------------===//
// Quartermaster: what passes between a worker's thread and the one that gives orders
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Synchronization
import SystemCalls

/// What a worker hands over when it is asked.
struct Delivery: Sendable {
    /// From the start of the measured part on.
    var ledger = Ledger()
    /// The thread's CPU, from its start on.
    var spentNanoseconds: Int64 = 0
    /// Connections open now.
    var open = 0
    /// Of answered exchanges since the last delivery was taken.
    var total = Latencies(isCoarse: true)
}

/// What a worker came to.
struct WorkerResult: Sendable {
    let account: Account
    /// When the measured part was over.
    let end: Int64
    let userNanoseconds: Int64
    let systemNanoseconds: Int64
    /// How long the thread measured.
    let nanoseconds: Int64

    /// Of the calling thread, which is done.
    init(account: Account, _ time: RunTime) {
        let now = Clock.monotonicNanoseconds()
        let spent = ProcessorTime.ofThisThread()
        // Who was interrupted during the warm-up has measured nothing.
        let before = time.isMeasuring ? time.spentBefore : spent
        self.account = account
        end = account.lastAnswer == 0 ? now : max(time.stoppedAt, account.lastAnswer)
        userNanoseconds = spent.userNanoseconds - before.userNanoseconds
        systemNanoseconds = spent.systemNanoseconds - before.systemNanoseconds
        nanoseconds = time.isMeasuring ? now - time.spentFrom : 0
    }
}

/// One worker's orders and deliveries. Both sides look at it when they have time; neither waits for the other.
final class WorkerLink: Sendable {
    private let order = Atomic<Int>(0)
    private let asked = Atomic<Int>(0)
    private let delivered = Atomic<Int>(0)
    private let start = Atomic<Int64>(0)
    private let box = Mutex<Delivery>(Delivery())
    private let outcome = Mutex<Result<WorkerResult, SystemError>?>(nil)

    // MARK: the worker's side

    var isStopping: Bool { order.load(ordering: .relaxed) >= 1 }
    var isAborting: Bool { order.load(ordering: .relaxed) >= 2 }
    var startTime: Int64 { start.load(ordering: .acquiring) }

    /// Hands over what was counted, when it is asked.
    @inline(__always)
    func deliverIfAsked(_ account: inout Account, open: Int) {
        let number = asked.load(ordering: .relaxed)
        if number == delivered.load(ordering: .relaxed) { return }
        deliver(&account, open: open)
        delivered.store(number, ordering: .releasing)
    }

    private func deliver(_ account: inout Account, open: Int) {
        let (ledger, recent) = (account.ledger, account.recent)
        let spent = ProcessorTime.ofThisThread()
        box.withLock { delivery in
            delivery.ledger = ledger
            delivery.open = open
            delivery.spentNanoseconds = spent.userNanoseconds + spent.systemNanoseconds
            delivery.total.add(recent)
        }
        account.recent.reset()
    }

    /// The last thing a worker does.
    func finish(_ result: Result<WorkerResult, SystemError>) {
        if case .success(let value) = result {
            var account = value.account
            deliver(&account, open: 0)
        }
        outcome.withLock { $0 = result }
    }

    // MARK: the other side

    func begin(at moment: Int64) { start.store(moment, ordering: .releasing) }

    /// Once: begin nothing more. Twice: leave what is under way.
    func stop() { order.add(1, ordering: .relaxed) }

    func abort() { order.store(2, ordering: .relaxed) }

    var result: Result<WorkerResult, SystemError>? { outcome.withLock { $0 } }

    var hasFailed: Bool { if case .failure? = result { true } else { false } }

    func ask() { asked.add(1, ordering: .relaxed) }

    var hasDelivered: Bool { delivered.load(ordering: .acquiring) == asked.load(ordering: .relaxed) || result != nil }

    /// The thread's CPU, as of the last delivery.
    var spentNanoseconds: Int64 { box.withLock { $0.spentNanoseconds } }

    func takeDelivery() -> Delivery {
        box.withLock { delivery in
            let taken = delivery
            delivery.total.reset()
            return taken
        }
    }
}
