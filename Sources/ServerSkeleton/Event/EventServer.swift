//===----------------------------------------------------------------------===//
// Quartermaster: the event server
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Runs an `EventService`. As many processes as `master` starts; each serves any number of clients at once, and
/// whatever else the service waits for, with one thread and one event loop.
///
///     EventServer<MyService>.main()
@frozen public struct EventServer<S: EventService & ~Copyable>: ~Copyable {
    @usableFromInline var service: S
    @usableFromInline var handle: EventHandle<S.ClientState>
    @usableFromInline var input: InputBuffer

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    @inlinable public static func main() -> Never {
        serve()
        endServer()
    }

    @inlinable static func serve() {
        var server = EventServer()
        server.run()
        server.service.willExit()
        server.handle.core.finish()
    }

    @usableFromInline init() { self.init(startServer(S.self, as: DaemonOptions.Skeleton.event)) }

    init(_ started: consuming StartedServer<S>) {
        let size = started.circumstances.transferSize
        let wishes = EventCore.Wishes(
            requestLimit: max(S.maximumRequestSize, 1),
            pendingLimit: max(size ?? S.maximumPendingOutput, 1),
            replySize: max(S.maximumReplySize, 1),
            hearsWhileOutputWaits: S.hearsWhileOutputWaits,
            usesPassAttributes: S.usesPassAttributes,
            limitsSilence: S.limitsSilence
        )
        input = size.map { InputBuffer(capacity: max($0, 1)) } ?? InputBuffer(requestLimit: wishes.requestLimit)
        let core = EventCore(started.circumstances, started.counts, wishes, inputSize: input.capacity)
        handle = EventHandle(core, replySize: wishes.replySize)
        service = started.service
    }

    @inlinable mutating func run() {
        handle.core.start()
        service.started(&handle)
        if handle.core.isOneShot, let id = handle.core.admitStandardClient() { greet(id) }
        while true {
            switch handle.core.nextStep() {
            case .turn: turn()
            case .lookOnceMore: acceptClients()
            case .leave: if leaves() { return }
            }
        }
    }

    /// Whether this is the end. If not, the service may finish.
    @inlinable mutating func leaves() -> Bool {
        switch handle.core.leavingStep() {
        case .end: return true
        case .goOn: return false
        case .ask(let reason):
            handle.core.decide(service.willLeave(reason, &handle))
            if handle.core.mayAccept { acceptClients() }
            handle.core.tryToDrainAgain()
            return false
        }
    }

    @inlinable mutating func turn() {
        service.turnEnded(&handle)
        handle.core.flush()
        handle.core.wait(atMost: service.willWait(handle.core.time))
        while let event = handle.core.nextEvent() {
            tell(event)
            if handle.core.isTimeToAccept() { acceptClients() }
        }
        handle.core.finishRequests()
        if handle.core.mayAccept { acceptClients() }
    }

    @inlinable mutating func tell(_ event: LoopEvent) {
        switch event {
        case .input(let id): hear(id)
        case .heardAgain(let id): if handle.core.restoreKept(of: id, into: &input) == .some { work(id) }
        case .hasRoom(let id): service.hasRoom(id, &handle)
        case .arrived(let id): greet(id)
        case .connected(let id): service.connected(id, &handle)
        case .over(let id): part(id)
        case .timer(let timer): service.timerFired(timer, &handle)
        case .descriptor(let watch): service.descriptorReady(watch, &handle)
        }
    }

    /// Reads and works; again, a few times, while what was read fills the buffer: more is likely to be there already.
    @inlinable mutating func hear(_ id: ClientID) {
        for _ in 0..<EventCore.readsAtOnce {
            switch handle.core.receive(from: id, into: &input) {
            case .some:
                let mayBeMore = input.isFull
                work(id)
                if !mayBeMore { return }
            case .nothing: return
            case .ended:
                service.inputEnded(id, &handle)
                handle.core.endIfBothDirectionsHave(id)
                return
            }
        }
    }

    /// Hands the input to the service, request by request.
    @inlinable mutating func work(_ id: ClientID) {
        if S.countsInputAsRequests { handle.core.beginRequests() }
        var done = 0
        var requests = 0
        while done < input.count, handle.core.mayBeHeard(id) {
            let size = Self.call(&service, input, from: done, id, &handle)
            if size <= 0 { break }
            done += size
            requests += 1
        }
        handle.core.count(requests: S.countsInputAsRequests ? requests : 0)
        handle.core.settle(id, keeping: input, from: done)
    }

    @inlinable static func call(
        _ service: inout S,
        _ input: borrowing InputBuffer,
        from start: Int,
        _ id: ClientID,
        _ handle: inout EventHandle<S.ClientState>
    ) -> Int {
        service.received(input.bytes(from: start), from: id, &handle)
    }

    @inlinable mutating func acceptClients() {
        if !handle.isLeaving {
            switch service.willAccept() {
            case .retire(let why): return handle.core.retire(why)
            case .goOn: break
            }
        }
        while let id = handle.core.acceptNext() { greet(id) }
    }

    @inlinable mutating func greet(_ id: ClientID) {
        handle.remember(service.clientArrived(handle.core.client(id), &handle), of: id)
        handle.core.flush()
    }

    @inlinable mutating func part(_ id: ClientID) {
        let state = handle.states[id.place].take()
        guard let end = handle.core.remove(id), let state else { return }
        switch end {
        case .left(let reason): service.clientLeft(id, state, reason, &handle)
        case .notConnected(let failure): service.connectFailed(id, state, failure, &handle)
        }
    }
}
