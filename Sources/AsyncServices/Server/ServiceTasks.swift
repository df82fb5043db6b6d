//===----------------------------------------------------------------------===//
// Quartermaster: events for tasks, and the end of all tasks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
public import ServerSkeleton
import SystemCalls

/// Carries what the loop tells to the tasks that wait for it, and decides when the process that is to end does:
///
///     the process is to end        no more connections come; who waits for a request hears that there is none
///     `timeToFinish` is over       all tasks are cancelled
///     a second later               the process ends, whatever they do
///     all tasks have ended         the process ends
@usableFromInline struct ServiceTasks {
    private enum Timer {
        static let sleepers: UInt64 = 0
        static let finish: UInt64 = 1
    }

    /// Of SIGTERM's five seconds; what is cancelled then has another one.
    private static let timeToTerminate = Duration.seconds(3)
    private static let secondsToCancel = 1

    private let timeToFinish: Duration
    private let connections = AsyncConnections()
    private var root: Task<Void, Never>?
    private var bell: Bell?
    private var sleepers: TimerID?
    /// What the timer of those that sleep is armed for, in nanoseconds.
    private var wakesAt: Int64?
    private var finish: TimerID?

    @usableFromInline init(_ context: ServiceContext, requestSize: Int, timeToFinish: Duration) {
        self.timeToFinish = timeToFinish
        TaskLoop.shared.bufferSize = max(requestSize, 1)
        TaskLoop.shared.log = context.log
    }

    // MARK: turns

    @usableFromInline mutating func start(
        _ handle: inout EventHandle<AsyncConnection>,
        _ run: @escaping @LoopActor (AsyncConnections) async throws -> Void
    ) {
        sleepers = handle.makeTimer(tag: Timer.sleepers)
        finish = handle.makeTimer(tag: Timer.finish)
        hangBell(&handle)
        let connections = connections
        let service = TaskLoop.shared.service
        TaskLoop.shared.taskBegins(of: service)
        root = LoopExecutor.begin {
            do {
                try await run(connections)
            } catch {
                TaskLoop.shared.failed(error, of: service)
            }
            connections.closeRest()
            // Who comes from here on would be served by nobody, while others of our clients may stay for long.
            TaskLoop.shared.withHandle(of: service) { $0.pauseAccepting() }
            TaskLoop.shared.taskEnds(of: service)
        }
        turnEnded(&handle)
    }

    @usableFromInline mutating func turnEnded(_ handle: inout EventHandle<AsyncConnection>) {
        if TaskLoop.shared.isLeaving { finishConnections(&handle) }
        TaskLoop.shared.runTasks(&handle)
        if LoopExecutor.shared.hasJobs { handle.turnAgain() }
        armSleepers(&handle)
        if TaskLoop.shared.taskCount == 0 { leave(&handle) }
    }

    /// Who has had its answer may not have taken all of it yet.
    private func leave(_ handle: inout EventHandle<AsyncConnection>) {
        var next = handle.client(after: nil)
        while let client = next {
            if handle.pendingOutput(of: client) > 0 { return handle.pauseAccepting() }
            next = handle.client(after: client)
        }
        handle.leave()
    }

    private mutating func armSleepers(_ handle: inout EventHandle<AsyncConnection>) {
        // One that is armed for an earlier moment, which nobody waits for any more, stays: it rings once in vain.
        guard let next = LoopExecutor.shared.waits.next, let sleepers, next < wakesAt ?? .max else { return }
        let left = next - LoopExecutor.shared.now
        handle.arm(sleepers, milliseconds: max(left + 999_999, 0) / 1_000_000)
        wakesAt = next
    }

    @usableFromInline mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<AsyncConnection>) {
        switch timer.tag {
        case Timer.sleepers: wakesAt = nil
        default: cancelAll(&handle)
        }
    }

    // MARK: other threads

    /// The loop watches a pipe, into which other threads write.
    private mutating func hangBell(_ handle: inout EventHandle<AsyncConnection>) {
        do {
            let bell = try Bell()
            _ = try handle.watch(bell.pipe.first.number.rawValue, for: .reading, tag: 0)
            LoopExecutor.shared.ring(bell.pipe.second.number)
            self.bell = bell
        } catch {
            TaskLoop.shared.log?.fatal("cannot watch for other threads: \(error)")
        }
    }

    @usableFromInline func bellRang() {
        bell?.silence()
        LoopExecutor.shared.takeFromOutside()
    }

    // MARK: connections

    @usableFromInline func clientArrived(
        _ client: Client,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> AsyncConnection {
        let connection = AsyncConnection(client.id, passAttributes: client.passAttributes)
        // One that was passed on for longer than the service takes any.
        if connections.isClosed { handle.disconnect(client.id) } else { connections.append(connection) }
        return connection
    }

    @usableFromInline func received(
        _ input: RawSpan,
        from client: ClientID,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> Int {
        let connection = handle[client]
        let size = connection.take(input)
        if size < input.byteCount {
            connection.isPaused = true
            handle.pauseReading(client)
        }
        return size
    }

    @usableFromInline func inputEnded(_ client: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        handle[client].endInput()
    }

    @usableFromInline func hasRoom(_ client: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        handle[client].hasRoom()
    }

    @usableFromInline func clientLeft(_ connection: AsyncConnection, _ reason: Departure) {
        switch reason {
        case .ended: connection.bothDirectionsEnded()
        case .lost(let error): connection.lost(.lost(error))
        case .timedOut: connection.lost(.timedOut)
        case .overrun: connection.lost(.tooLong)
        }
    }

    @usableFromInline func connected(_ connection: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        if let wait = handle[connection].connecting { LoopExecutor.shared.waits.wake(wait, .ready) }
    }

    @usableFromInline func connectFailed(_ connection: AsyncConnection, _ failure: ConnectFailure) {
        switch failure {
        case .timedOut: connection.lost(.timedOut)
        case .refused(let error): connection.lost(.refused(error))
        }
    }

    // MARK: the end

    @usableFromInline mutating func willLeave(
        _ reason: LeaveReason,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> LeaveDecision {
        TaskLoop.shared.isLeaving = true
        // Nobody has anything to finish.
        if handle.clientCount == 0, TaskLoop.shared.taskCount == 1, !handle.isReceivingConnections { return .atOnce }
        let limit = reason == .terminated ? min(timeToFinish, Self.timeToTerminate) : timeToFinish
        if let finish { handle.arm(finish, milliseconds: limit.milliseconds) }
        handle.turnAgain()
        return .whenTold(withinSeconds: Int(limit.milliseconds / 1000) + 1 + Self.secondsToCancel)
    }

    /// The process ends. What the service does after its last client, it may do as far as it waits for nothing.
    @usableFromInline func willExit() {
        connections.finish()
        LoopExecutor.shared.runJobs(atMost: TaskLoop.jobsPerTurn)
        // Nobody hears it any more, and its number may be used for something else.
        LoopExecutor.shared.ring(nil)
    }

    /// In the first turn that begins to leave, after the last look at the endpoints, or as soon as those that are being
    /// passed on have arrived, the sequence of connections ends.
    /// In the next one, when what the kernel had of those who were silent has been read, those that still wait for a
    /// request hear that there is none.
    private mutating func finishConnections(_ handle: inout EventHandle<AsyncConnection>) {
        if TaskLoop.shared.dismissesIdle { return }
        if !connections.hasEnded {
            if handle.isReceivingConnections { return }
            connections.finish()
            return handle.turnAgain()
        }
        TaskLoop.shared.dismissesIdle = true
        var next = handle.client(after: nil)
        while let client = next {
            if handle[client].readerIsIdle { handle[client].wakeReader() }
            next = handle.client(after: client)
        }
    }

    private func cancelAll(_ handle: inout EventHandle<AsyncConnection>) {
        root?.cancel()
        TaskLoop.shared.cancelOthers()
        var next = handle.client(after: nil)
        while let client = next {
            handle[client].task?.cancel()
            next = handle.client(after: client)
        }
    }
}

/// A pipe; whoever writes into it wakes the loop.
private final class Bell {
    let pipe: DescriptorPair

    init() throws(SystemError) { pipe = try makePipe(nonBlocking: true) }

    func silence() { _ = try? pipe.first.number.read(atMost: 64) }
}
