//===----------------------------------------------------------------------===//
// Quartermaster: LoopExecutor, tasks on the thread of the event loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import Glibc
import Synchronization
import SystemCalls

/// Keeps the jobs of all tasks until the event loop has them run, in the order in which they came. It starts no thread,
/// and never runs anything by itself: the owner of the loop calls `runJobs` once a turn.
///
/// What is enqueued on the loop's own thread, and that is everything unless a library has threads of its own, costs no
/// lock. From another thread (a continuation that is resumed there) it goes through a locked list, and wakes the loop.
final class LoopExecutor: SerialExecutor, TaskExecutor {
    static let shared = LoopExecutor()

    /// That of the loop: the one that first asked for the executor, but in a test (`moveHere`).
    private let thread = Atomic<pthread_t>(pthread_self())
    // Of the loop's own thread alone: what comes from another one goes through `outside`.
    private nonisolated(unsafe) var jobs = Ring<UnownedJob>(capacity: 256)
    private nonisolated(unsafe) var ownWaits = Waits()
    /// In a test, what time it is there; else negative.
    private let stillTime = Atomic<Int64>(-1)
    /// Jobs from other threads.
    private let outside = Mutex<Outside>(Outside())

    private struct Outside {
        var jobs: [(job: UnownedJob, moment: Int64?)] = []
        /// What the loop is woken with, once it watches.
        var bell: DescriptorNumber?
    }

    private init() {}

    /// Whether this is the thread of the loop.
    var isOwnThread: Bool { pthread_equal(pthread_self(), thread.load(ordering: .relaxed)) != 0 }

    /// Of the loop's own thread.
    var waits: Waits {
        @inline(__always) _read {
            assert(isOwnThread)
            yield unsafe ownWaits
        }
        @inline(__always) _modify {
            assert(isOwnThread)
            yield unsafe &ownWaits
        }
    }

    // MARK: in

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOwnThread { unsafe jobs.append(job) } else { enqueueFromOutside(job, at: nil) }
    }

    /// Enqueues the job at `moment`, in nanoseconds of the monotonic clock.
    func enqueue(_ job: consuming ExecutorJob, at moment: Int64) {
        let job = UnownedJob(job)
        if isOwnThread { waits.add(job, at: moment) } else { enqueueFromOutside(job, at: moment) }
    }

    private func enqueueFromOutside(_ job: UnownedJob, at moment: Int64?) {
        outside.withLock {
            $0.jobs.append((job, moment))
            // A full pipe wakes as well as another byte.
            if $0.jobs.count == 1, let bell = $0.bell { _ = try? bell.write([0]) }
        }
    }

    /// From here on `bell` gets a byte when something came from another thread; nil: nothing does.
    func ring(_ bell: DescriptorNumber?) {
        outside.withLock {
            $0.bell = bell
            if !$0.jobs.isEmpty { _ = try? bell?.write([0]) }
        }
    }

    /// The bell was heard, and is silent again.
    func takeFromOutside() {
        outside.withLock {
            for (job, moment) in $0.jobs {
                if let moment { waits.add(job, at: moment) } else { unsafe jobs.append(job) }
            }
            $0.jobs.removeAll(keepingCapacity: true)
        }
    }

    // MARK: out

    var hasJobs: Bool { unsafe !jobs.isEmpty }

    /// Runs what is enqueued, and what that enqueues, until nothing is left or `limit` jobs have run.
    func runJobs(atMost limit: Int) {
        // Unowned, but they live as long as the process.
        let serial = unsafe asUnownedSerialExecutor()
        let task = unsafe asUnownedTaskExecutor()
        for _ in 0..<limit {
            guard let job = unsafe jobs.popFirst() else { return }
            unsafe job.runSynchronously(isolatedTo: serial, taskExecutor: task)
        }
    }

    /// Enqueues what is due.
    func passTime() {
        guard waits.next != nil else { return }
        let now = now
        while let work = waits.passTime(now) {
            switch work {
            case .job(let job): unsafe jobs.append(job)
            case .action(let action): action()
            }
        }
    }

    // MARK: time

    /// Nanoseconds of the monotonic clock, or of that which a test moves.
    var now: Int64 {
        let still = stillTime.load(ordering: .relaxed)
        return still < 0 ? SystemCalls.Clock.monotonicNanoseconds() : still
    }

    /// Whether time passes only when a test says so.
    var standsStill: Bool { stillTime.load(ordering: .relaxed) >= 0 }

    func stand(at moment: Int64) { stillTime.store(moment, ordering: .relaxed) }

    // MARK: tests

    /// The loop is on the calling thread from here on: of another service under test. What a thread that worked for the
    /// one before has enqueued since is of tasks that are abandoned.
    func moveHere() {
        outside.withLock { $0 = Outside() }
        thread.store(pthread_self(), ordering: .relaxed)
    }

    /// A job for whatever thread there is, from this one: whether it is the loop's.
    func take(_ job: UnownedJob) -> Bool {
        guard isOwnThread else { return false }
        unsafe jobs.append(job)
        return true
    }

    /// Forgets all tasks and timers, as the end of a process does. None of them runs again.
    func abandonAll() {
        while unsafe jobs.popFirst() != nil {}
        unsafe ownWaits.abandonAll()
        outside.withLock { $0 = Outside() }
        stillTime.store(-1, ordering: .relaxed)
        thread.store(0, ordering: .relaxed)
    }

    // MARK: isolation

    /// The handlers of the loop are isolated, too: they are no tasks, but nothing else runs meanwhile.
    func isIsolatingCurrentContext() -> Bool? { isOwnThread }

    func checkIsolated() { precondition(isOwnThread, "not on the thread of the event loop") }
}
