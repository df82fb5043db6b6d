//===----------------------------------------------------------------------===//
// Quartermaster: the program around an async service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import ServerSkeleton

/// Runs an async service as a child of master(8): `AsyncServer<MyService>.main()` is the whole of a `main.swift`.
public enum AsyncServer<S: AsyncService> {
    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    @inlinable public static func main() -> Never {
        AsyncStart.takeOver()
        EventServer<TaskService<S>>.main()
    }
}

extension AsyncServer {
    /// What `main()` does, in a test that moves the server, on the calling thread; one at a time in a process.
    package static func serve(_ conductor: TestConductor) {
        LoopExecutor.shared.moveHere()
        TaskLoop.shared.beginAnew()
        EventServer<TaskService<S>>.serve(conductor)
        TaskLoop.shared.beginAnew()
        LoopExecutor.shared.abandonAll()
    }
}

/// How a test has every task of a service under test on the thread of the loop, though the process is not the loop's.
package enum TestedTasks {
    /// Takes a job that the calling thread has enqueued for any thread, if that is the loop's.
    package static func take(_ job: UnownedJob) -> Bool { LoopExecutor.shared.take(job) }
}

@usableFromInline enum AsyncStart {
    @usableFromInline static func takeOver() { LoopExecutor.takeOver() }
}

/// What `prepare` made, on its way to the initializer.
@usableFromInline struct AsyncPreparation<Prepared>: Preparation {
    @usableFromInline let prepared: Prepared

    @usableFromInline init(_ prepared: Prepared) { self.prepared = prepared }
}

/// The event service that an async service is to its skeleton. What happens on connections is told to those who wait
/// for it; at the end of each turn, the tasks that are ready run.
@usableFromInline struct TaskService<S: AsyncService>: EventService {
    @usableFromInline typealias ClientState = AsyncConnection

    @usableFromInline var tasks: ServiceTasks
    @usableFromInline let service: S

    @usableFromInline static var demands: ServiceDemands { LoopActor.assume { S.demands } }
    @usableFromInline static var parameters: [any ServiceParameter] { LoopActor.assume { S.parameters } }
    @usableFromInline static var watchdogLimit: Parameter<Int>? { LoopActor.assume { S.watchdogLimit } }
    @usableFromInline static var maximumReplySize: Int { AsyncConnection.smallPiece }
    @usableFromInline static var maximumPendingOutput: Int { LoopActor.assume { S.maximumPendingOutput } }
    @usableFromInline static var usesPassAttributes: Bool { LoopActor.assume { S.usesPassAttributes } }
    /// Both directions are bounded by themselves.
    @usableFromInline static var hearsWhileOutputWaits: Bool { true }

    @usableFromInline static func prepare(_ context: inout ServiceContext) -> AsyncPreparation<S.Prepared> {
        AsyncPreparation(LoopActor.assume(&context) { S.prepare(&$0) })
    }

    @usableFromInline init(_ context: inout ServiceContext, prepared: consuming AsyncPreparation<S.Prepared>) {
        // It is the loop's own, as the caller is.
        nonisolated(unsafe) let value = prepared.prepared
        service = LoopActor.assume(&context) { S(&$0, prepared: unsafe value) }
        tasks = ServiceTasks(
            context,
            requestSize: LoopActor.assume { S.maximumRequestSize },
            timeToFinish: LoopActor.assume { S.timeToFinish }
        )
    }

    @inlinable mutating func willAccept() -> AcceptDecision {
        // It is the loop's own, as the caller is.
        nonisolated(unsafe) let service = service
        return LoopActor.assume { unsafe service.willAccept() }
    }

    @inlinable mutating func willExit() {
        tasks.willExit()
        nonisolated(unsafe) let service = service
        LoopActor.assume { unsafe service.willExit() }
    }

    @usableFromInline mutating func started(_ handle: inout EventHandle<AsyncConnection>) {
        nonisolated(unsafe) let service = service
        tasks.start(&handle) { try await unsafe service.run($0) }
    }

    @inlinable mutating func turnEnded(_ handle: inout EventHandle<AsyncConnection>) { tasks.turnEnded(&handle) }

    @inlinable mutating func willLeave(
        _ reason: LeaveReason,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> LeaveDecision {
        tasks.willLeave(reason, &handle)
    }

    @inlinable mutating func clientArrived(
        _ client: Client,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> AsyncConnection {
        tasks.clientArrived(client, &handle)
    }

    @inlinable mutating func received(
        _ input: RawSpan,
        from client: ClientID,
        _ handle: inout EventHandle<AsyncConnection>
    ) -> Int {
        tasks.received(input, from: client, &handle)
    }

    @inlinable mutating func inputEnded(_ client: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        tasks.inputEnded(client, &handle)
    }

    @inlinable mutating func hasRoom(_ client: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        tasks.hasRoom(client, &handle)
    }

    @inlinable mutating func clientLeft(
        _ client: ClientID,
        _ state: consuming AsyncConnection,
        _ reason: Departure,
        _ handle: inout EventHandle<AsyncConnection>
    ) {
        tasks.clientLeft(state, reason)
    }

    @inlinable mutating func connected(_ connection: ClientID, _ handle: inout EventHandle<AsyncConnection>) {
        tasks.connected(connection, &handle)
    }

    @inlinable mutating func connectFailed(
        _ connection: ClientID,
        _ state: consuming AsyncConnection,
        _ failure: ConnectFailure,
        _ handle: inout EventHandle<AsyncConnection>
    ) {
        tasks.connectFailed(state, failure)
    }

    @inlinable mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<AsyncConnection>) {
        tasks.timerFired(timer, &handle)
    }

    @inlinable mutating func descriptorReady(_ watch: DescriptorWatch, _ handle: inout EventHandle<AsyncConnection>) {
        tasks.bellRang()
    }
}
