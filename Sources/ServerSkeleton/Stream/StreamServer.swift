//===----------------------------------------------------------------------===//
// Quartermaster: the program around a stream service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Runs a stream service as a child of master(8): `StreamServer<MyService>.main()` is the whole of a `main.swift`.
///
/// It carries what happens on connections to the service, in the order in which a turn of the loop works: requests
/// first, between one TAKEN and one AVAIL, then new clients; after a crowd, AVAIL waits until no more of it is there.
/// What to do with descriptors is the core's business.
@frozen public struct StreamServer<S: StreamService & ~Copyable>: ~Copyable {
    @usableFromInline var service: S
    @usableFromInline var core: StreamCore
    @usableFromInline var input: InputBuffer
    @usableFromInline var reply: Reply
    /// What the service remembers, by the place of the connection.
    @usableFromInline var states: [S.ClientState?]

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    @inlinable public static func main() -> Never {
        serve()
        endServer()
    }

    @inlinable static func serve() {
        var server = StreamServer()
        if server.core.isOneShot { server.serveOneClient() } else { server.run() }
        server.service.willExit()
        server.core.finish()
    }

    @usableFromInline init() { self.init(startServer(S.self, as: DaemonOptions.Skeleton.stream)) }

    init(_ started: consuming StartedServer<S>) {
        let requestLimit = max(S.maximumRequestSize, 1)
        input = InputBuffer(requestLimit: requestLimit)
        reply = Reply(capacity: max(StreamBuffers.smallest, S.maximumReplySize))
        states = []
        core = StreamCore(
            started.circumstances,
            started.counts,
            requestLimit: requestLimit,
            blockSize: max(input.capacity, reply.room),
            batch: StreamBuffers.clientsAtOnce,
            woken: .one,
            usesPassAttributes: S.usesPassAttributes,
            limitsSilence: S.limitsSilence
        )
        service = started.service
    }

    @inlinable mutating func run() {
        core.start()
        while true {
            switch core.nextStep() {
            case .turn: turn()
            case .lookOnceMore: acceptClients()
            case .leave: return
            }
        }
    }

    @inlinable mutating func turn() {
        core.wait(atMost: service.willWait(core.time))
        reply.begin(core.time)
        while let event = core.nextEvent() { handle(event) }
        core.finishRequests()
        if core.mayAccept { acceptClients() }
    }

    @inlinable mutating func handle(_ event: StreamEvent) {
        switch event {
        case .input(let id):
            switch core.receive(from: id, into: &input) {
            case .some: work(id)
            case .nothing: break
            case .ended: leave(id)
            }
        case .resumed(let id): if core.restoreKept(of: id, into: &input) == .some { work(id) }
        case .arrived(let id): greet(id)
        case .lost(let id): leave(id)
        }
    }

    /// Hands the input to the service, request by request, and sends what it replies.
    @inlinable mutating func work(_ id: ClientID) {
        core.beginRequests()
        var done = 0
        var uncounted = 0
        while done < input.count, !reply.mustDisconnect {
            if reply.room < S.maximumReplySize {
                core.count(requests: uncounted)
                uncounted = 0
                if core.send(&reply, to: id) != .sent { break }
            }
            let size = Self.call(&service, input, from: done, &states[id.place]!, &reply)
            if size <= 0 { break }
            done += size
            uncounted += 1
        }
        core.count(requests: uncounted)
        if core.settle(id, &reply, keeping: input, from: done) == .leaves { leave(id) }
    }

    @inlinable static func call(
        _ service: inout S,
        _ input: borrowing InputBuffer,
        from start: Int,
        _ state: inout S.ClientState,
        _ reply: inout Reply
    ) -> Int {
        service.received(input.bytes(from: start), from: &state, reply: &reply)
    }

    @inlinable mutating func acceptClients() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        while let id = core.acceptNext() { greet(id) }
    }

    @inlinable mutating func greet(_ id: ClientID) {
        while states.count <= id.place { states.append(nil) }
        states[id.place] = .some(service.clientArrived(core.client(id), reply: &reply))
        if core.settle(id, &reply) == .leaves { leave(id) }
    }

    @inlinable mutating func leave(_ id: ClientID) {
        if let state = states[id.place].take() { service.clientLeft(state) }
        core.remove(id)
    }

    /// One client on stdin and stdout, without master.
    @inlinable mutating func serveOneClient() {
        let oneShot = core.oneShotClient()
        var state = service.clientArrived(oneShot.client, reply: &reply)
        var course = oneShot.send(&reply)
        while course == .stays, oneShot.receive(&input) == .some {
            var done = 0
            while course == .stays, done < input.count {
                let size = Self.call(&service, input, from: done, &state, &reply)
                if size <= 0 { break }
                done += size
                course = oneShot.send(&reply)
            }
            if oneShot.keepRest(of: &input, after: done) == .leaves { course = .leaves }
        }
        service.clientLeft(state)
    }
}
