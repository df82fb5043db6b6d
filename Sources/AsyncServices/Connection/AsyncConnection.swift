//===----------------------------------------------------------------------===//
// Quartermaster: AsyncConnection, a connection that tasks wait for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import ServerSkeleton

/// A connection of an async service: of a client, or one of its own (`connect`). Reading suspends until there is
/// something, writing while too much waits for the peer already.
///
/// What waits is bounded in both directions: `AsyncService.maximumRequestSize` of input that the handler has not read
/// yet, after which the peer has to wait, and `AsyncService.maximumPendingOutput` of output. One task reads at a time;
/// several may write, and what each of them writes stays together.
///
/// When the peer sends nothing more, reading comes to an end, and writing goes on. When it is gone (a reset, or what is
/// written to it does not arrive), waits end with `ConnectionError.lost` and the task that serves it is cancelled.
///
/// All of it belongs to the thread of the loop: what is public is isolated to `LoopActor`, everything else is called by
/// the loop itself.
public final class AsyncConnection: @unchecked Sendable {
    /// Differs from that of every other connection this process ever had.
    public internal(set) var id: ClientID
    /// What the process that passed the connection on said about it; nil when it was not passed on, or nothing was
    /// said.
    public let passAttributes: PassAttributes?

    // MARK: input

    /// Without memory of its own while there is none.
    var input: [UInt8] = []
    /// How much of the input is dealt with.
    var inputStart = 0
    /// Since the last look at it.
    var hasNewInput = false
    /// The task that reads, while it waits.
    var reader: WaitID?
    /// It waits for the next request and for nothing else.
    var readerIsIdle = false
    var isPaused = false
    /// The peer sends nothing more.
    var inputHasEnded = false

    // MARK: output

    /// A task is in the middle of writing what there was no room for at once.
    var isWriting = false
    /// The one that does so, while it waits for room.
    var writer: WaitID?
    /// Tasks that wait until others have written.
    var nextWriters: [WaitID] = []
    /// Those that wait until everything is sent.
    var flushers: [WaitID] = []
    /// Nothing can be written any more.
    var outputHasEnded = false

    // MARK: life

    /// Why it is over; nil while it is there.
    var end: ConnectionError?
    /// Of an outgoing one that is not there yet.
    var connecting: WaitID?
    /// What serves it.
    private(set) var task: Task<Void, Never>?
    private let isClient: Bool
    /// Whose it is; see `TaskLoop`.
    private let service = TaskLoop.shared.service

    init(_ id: ClientID, isClient: Bool = true, passAttributes: PassAttributes? = nil) {
        self.id = id
        self.isClient = isClient
        self.passAttributes = passAttributes
    }

    /// The address of the peer, such as `192.0.2.1`; nil on a UNIX socket. A system call.
    @LoopActor public func peerAddress() -> String? {
        guard end == nil else { return nil }
        return withHandle { $0.peerAddress(of: id) } ?? nil
    }

    /// Whether the connection is there. The peer may have gone without our having heard of it.
    @LoopActor public var isConnected: Bool { end == nil }

    // MARK: what serves it

    /// Begins a task that serves the connection. It is cancelled when the peer is gone, and when the process has no
    /// more time to finish. When it ends, the connection is closed, once everything is sent. For those who take
    /// connections from `AsyncConnections` themselves; called once for each.
    @LoopActor public func start(_ body: @escaping @LoopActor (AsyncConnection) async throws -> Void) {
        precondition(task == nil, "a connection that is served already")
        TaskLoop.shared.taskBegins(of: service)
        task = LoopExecutor.begin {
            do {
                try await body(self)
            } catch {
                TaskLoop.shared.failed(error, of: self.service)
            }
            self.close()
            self.task = nil
            TaskLoop.shared.taskEnds(of: self.service)
        }
        // It was lost before anybody served it.
        if let end, end != .closed { task?.cancel() }
        if !isClient || end != nil { TaskLoop.shared.servesNoClient(self) }
    }

    /// Closes the connection once everything is sent; what was not read is dropped.
    @LoopActor public func close() {
        guard end == nil else { return }
        withHandle {
            if connecting == nil { $0.disconnectWhenSent(id) } else { $0.disconnect(id) }
        }
        dropInput()
        finish(.closed)
    }

    /// The peer is gone, or given up: whatever is done for it is in vain.
    func lost(_ why: ConnectionError) {
        dropInput()
        finish(why)
        task?.cancel()
    }

    /// What was received may still be read.
    func bothDirectionsEnded() {
        inputHasEnded = true
        finish(.closed)
        if task != nil { TaskLoop.shared.servesNoClient(self) }
    }

    /// Lends the handle of the service that the connection belongs to.
    @discardableResult
    func withHandle<Value>(_ body: (inout TaskLoop.Handle) throws -> Value) rethrows -> Value? {
        try TaskLoop.shared.withHandle(of: service, body)
    }

    /// Those who wait for it hear it.
    private func finish(_ why: ConnectionError) {
        if end == nil { end = why }
        for wait in [reader, writer, connecting] {
            if let wait { LoopExecutor.shared.waits.wake(wait, .ready) }
        }
        for wait in nextWriters { LoopExecutor.shared.waits.wake(wait, .ready) }
        for wait in flushers { LoopExecutor.shared.waits.wake(wait, .ready) }
    }
}
