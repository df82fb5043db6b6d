//===----------------------------------------------------------------------===//
// Quartermaster: what tasks and the event service around them share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import ServerSkeleton

/// The handle of the event service, lent to tasks while they run; the tasks that are there; and whether the process is
/// to end. One for the process, and of the loop's own thread.
@safe final class TaskLoop: @unchecked Sendable {
    typealias Handle = EventHandle<AsyncConnection>

    static let shared = TaskLoop()

    /// A client that sends nothing but new requests must not keep tasks that are ready from running, nor the other way
    /// round: after so many jobs, accepting and reading have their turn.
    static let jobsPerTurn = 256

    // Tasks run in the middle of a handler of the event service and nowhere else. The pointer is that to the handler's
    // own argument, to which nobody else has access meanwhile.
    private var lent: UnsafeMutablePointer<Handle>?
    /// Memory for input that nobody uses now.
    private var buffers = Ring<[UInt8]>(capacity: 64)
    private static let largestKept = 64 * 1024
    /// Bytes that a connection holds.
    var bufferSize = 0
    /// Connections that are served, and whatever else the process does not end without.
    private(set) var taskCount = 0
    private var others: [AsyncConnection] = []
    var isLeaving = false
    /// Clients that are silent are not waited for any more.
    var dismissesIdle = false
    var log: ServiceLog?
    /// The number of the service, of those that were under test in this process. A task of an earlier one, which
    /// another thread has resumed too late, reaches nothing of this one.
    private(set) var service: UInt32 = 0
    private var failures = RepeatedWarning()

    private init() {}

    /// As in a process that has just begun: for another service under test.
    func beginAnew() {
        service &+= 1
        unsafe lent = nil
        taskCount = 0
        others = []
        (isLeaving, dismissesIdle) = (false, false)
        log = nil
        failures = RepeatedWarning()
    }

    // MARK: the handle

    /// Runs tasks that are ready, and lends them the handle.
    func runTasks(_ handle: inout Handle) {
        unsafe withUnsafeMutablePointer(to: &handle) { pointer in
            unsafe lent = pointer
            if let time = unsafe pointer.pointee.stillNanoseconds { LoopExecutor.shared.stand(at: time) }
            LoopExecutor.shared.passTime()
            LoopExecutor.shared.runJobs(atMost: Self.jobsPerTurn)
            unsafe lent = nil
        }
    }

    /// Nil at a time when no task runs: at the end of the process, when what tasks hold is let go. And nil to what
    /// another service under test has left behind.
    @discardableResult
    func withHandle<Value>(of service: UInt32, _ body: (inout Handle) throws -> Value) rethrows -> Value? {
        guard let lent = unsafe lent, service == self.service else { return nil }
        return try unsafe body(&lent.pointee)
    }

    // MARK: tasks

    func taskBegins(of service: UInt32) { if service == self.service { taskCount += 1 } }

    func taskEnds(of service: UInt32) { if service == self.service { taskCount -= 1 } }

    /// A task that serves a connection which is none of a client's, or not any more.
    func servesNoClient(_ connection: AsyncConnection) {
        others.removeAll { $0.task == nil }
        others.append(connection)
    }

    func cancelOthers() {
        for connection in others { connection.task?.cancel() }
    }

    /// A handler has thrown. That a peer or the end of the process is behind it is no news.
    func failed(_ error: any Error, of service: UInt32) {
        if error is ConnectionError || error is CancellationError || service != self.service { return }
        let time = withHandle(of: service) { $0.time } ?? ServiceTime(milliseconds: 0)
        if let log { failures.log(log, at: time, "a handler failed: \(error)") }
    }

    // MARK: connections

    func connect(
        _ connection: AsyncConnection,
        to address: NetworkAddress,
        within limit: Duration
    ) throws(ConnectionError) {
        guard let lent = unsafe lent else { throw .closed }
        do throws(ServiceError) {
            connection.id = try unsafe lent.pointee.connect(to: address, within: limit.milliseconds, state: connection)
        } catch {
            throw .refused(error)
        }
    }

    // MARK: memory

    func takeBuffer() -> [UInt8] { buffers.popFirst() ?? [] }

    /// One that had to become large, and those beyond what is needed in most turns, are let go.
    func giveBack(_ buffer: consuming [UInt8]) {
        if buffer.capacity > Self.largestKept || buffers.count == buffers.capacity { return }
        buffer.removeAll(keepingCapacity: true)
        buffers.append(buffer)
    }
}
