//===----------------------------------------------------------------------===//
// Quartermaster: services whose handlers are async
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import ServerSkeleton

/// A service that serves each client in a task of its own, and may wait in it: for more input, for room, for a moment,
/// for other connections, for whatever is `async`. All of them run on the one thread of the process, beside its event
/// loop.
///
///     struct Greeter: AsyncService {
///         init(_ context: inout ServiceContext) { context.refuseArguments() }
///
///         func serve(_ connection: AsyncConnection) async throws {
///             for try await line in connection.lines { try await connection.write("hello, \(line)\n") }
///         }
///     }
///
///     AsyncServer<Greeter>.main()
///
/// A handler that computes for long, or waits without `await`, keeps everybody else waiting. A service is isolated to
/// `LoopActor`: between two `await`s nothing else runs, so that handlers may share variables; a service with any of
/// them is a `final class`.
@LoopActor public protocol AsyncService {
    /// What `prepare` hands to the initializer. Default: nothing, and then `init(_:)` is all there is to write.
    associatedtype Prepared = Void

    /// As those of `Service`: what the service demands of its line in master.cf, its parameters, and how long one turn
    /// of the loop may take.
    static var demands: ServiceDemands { get }
    static var parameters: [any ServiceParameter] { get }
    static var watchdogLimit: Parameter<Int>? { get }

    /// Bytes that a connection holds of what its handler has not read yet; when it is full, the peer waits. No line may
    /// be longer. Default: 16 KB.
    static var maximumRequestSize: Int { get }

    /// Bytes that may wait for a peer to take them, beyond what the kernel holds; `write` suspends when there are more.
    /// Default: 64 KB.
    static var maximumPendingOutput: Int { get }

    /// Whether the service looks at what the sender of a passed connection says about it. Default: false.
    static var usesPassAttributes: Bool { get }

    /// How long the process goes on for the clients that are connected, when it is to end; then their tasks are
    /// cancelled, and have another second. Three seconds at most after SIGTERM, since `master` waits for five.
    /// Default: a minute.
    static var timeToFinish: Duration { get }

    /// Runs with the privileges that the process was started with, and before it enters a chroot. Default: does
    /// nothing.
    static func prepare(_ context: inout ServiceContext) -> Prepared

    /// Makes the service, with its final privileges.
    init(_ context: inout ServiceContext)

    /// Makes a service that prepares something; instead of `init(_:)`.
    init(_ context: inout ServiceContext, prepared: consuming Prepared)

    /// Serves a client. When it returns or throws, the connection is closed, once everything is sent. What it throws is
    /// logged, if it is neither a `ConnectionError` nor a `CancellationError`.
    ///
    /// Its task is cancelled when the peer is lost, and when the process has no more time to finish.
    func serve(_ connection: AsyncConnection) async throws

    /// All that the process does, from its start on; when this returns, and every connection that was begun has ended,
    /// the process ends. When nobody is connected any more, what follows has to be done without waiting. Default:
    /// begins `serve` for each client. A service that has something to do beside its clients begins that here:
    ///
    ///     func run(_ connections: AsyncConnections) async throws {
    ///         let ticking = Task { try await tick() }
    ///         defer { ticking.cancel() }
    ///         for await connection in connections { connection.start { try await self.serve($0) } }
    ///     }
    func run(_ connections: AsyncConnections) async throws

    /// Called before the process accepts clients. Default: `.goOn`.
    func willAccept() -> AcceptDecision

    /// Called before the process ends of its own accord. Default: nothing.
    func willExit()
}

extension AsyncService {
    public static var demands: ServiceDemands { [] }
    public static var parameters: [any ServiceParameter] { [] }
    public static var watchdogLimit: Parameter<Int>? { nil }
    public static var maximumRequestSize: Int { 16 * 1024 }
    public static var maximumPendingOutput: Int { 64 * 1024 }
    public static var usesPassAttributes: Bool { false }
    public static var timeToFinish: Duration { .seconds(60) }
    public func run(_ connections: AsyncConnections) async throws {
        for await connection in connections { connection.start { try await self.serve($0) } }
    }
    public func willAccept() -> AcceptDecision { .goOn }
    public func willExit() {}
}

extension AsyncService where Prepared == Void {
    public static func prepare(_ context: inout ServiceContext) {}

    public init(_ context: inout ServiceContext, prepared: consuming Void) { self.init(&context) }
}

extension AsyncService where Prepared: Preparation {
    public init(_ context: inout ServiceContext) { preconditionFailure("a service without what it prepared") }
}
