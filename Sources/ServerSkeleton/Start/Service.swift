//===----------------------------------------------------------------------===//
// Quartermaster: ServerSkeleton, everything a well-behaved child of master(8) has to do besides its work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Service authors import one module: what they read and write bytes with is theirs, too.
@_exported public import ServiceBytes

/// What a service of any kind tells its skeleton about itself, and the moments at which it may act.
///
/// Every requirement but the initializer has a default, so that a service says only what is special about it. The
/// skeleton calls hooks on its one thread, never two at a time, and never from a signal handler.
public protocol Service: ~Copyable {
    /// What `prepare` hands to the initializer. Default: nothing, and then `init(_:)` is all there is to write.
    associatedtype Prepared = Void

    /// What the service demands of its line in master.cf and of its skeleton. Default: nothing.
    static var demands: ServiceDemands { get }

    /// The parameters of main.cf that are this service's own. Those listed here are checked at start, before
    /// privileges are dropped; others can still be read with `ServiceContext.value(of:)`. Default: none.
    static var parameters: [any ServiceParameter] { get }

    /// Seconds that one turn of work may take before the process is ended as stuck; at least 3. Default: the
    /// skeleton's, `daemon_timeout` for streams and 1000 for datagrams.
    static var watchdogLimit: Parameter<Int>? { get }

    /// Runs while the process still has the privileges it was started with and before it enters a chroot: the place to
    /// open what cannot be opened later. Default: does nothing.
    static func prepare(_ context: inout ServiceContext) -> Prepared

    /// Makes the service, with its final privileges. The place to change `context.useLimit` and `context.idleLimit`
    /// and to refuse `context.arguments`.
    init(_ context: inout ServiceContext)

    /// Makes a service that prepares something; instead of `init(_:)`.
    init(_ context: inout ServiceContext, prepared: consuming Prepared)

    /// Called before the process waits for events, once a turn. The place for work that is due by the clock.
    ///
    /// - Returns: how many seconds the process may sleep at most; nil, or more than a day, for no limit. Default: nil.
    mutating func willWait(_ time: ServiceTime) -> Int?

    /// Called before the process accepts clients or receives datagrams. Default: `.goOn`.
    mutating func willAccept() -> AcceptDecision

    /// Called before the process ends of its own accord: idle, used up, or because master is gone. Default: nothing.
    mutating func willExit()
}

extension Service where Self: ~Copyable {
    public static var demands: ServiceDemands { [] }
    public static var parameters: [any ServiceParameter] { [] }
    public static var watchdogLimit: Parameter<Int>? { nil }
    @inlinable public mutating func willWait(_ time: ServiceTime) -> Int? { nil }
    @inlinable public mutating func willAccept() -> AcceptDecision { .goOn }
    @inlinable public mutating func willExit() {}
}

extension Service where Self: ~Copyable, Prepared == Void {
    public static func prepare(_ context: inout ServiceContext) {}

    public init(_ context: inout ServiceContext, prepared: consuming Void) { self.init(&context) }
}

/// What `prepare` hands to the initializer of a service: open files, a key that only root may read. Declaring a type as
/// this means that `init(_:prepared:)` is written, and not `init(_:)`.
public protocol Preparation {}

extension Service where Self: ~Copyable, Prepared: Preparation {
    public init(_ context: inout ServiceContext) { preconditionFailure("a service without what it prepared") }
}

/// What a service demands of its line in master.cf, and what it is given. A start that does not meet a demand is fatal.
public struct ServiceDemands: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// One process at a time: the process limit must be 1 (`-l`).
    public static let solitary = ServiceDemands(rawValue: 1)
    /// As many processes as there is work: the process limit must be 0 (`-z`).
    public static let unlimited = ServiceDemands(rawValue: 2)
    /// Keeps root: the service must not run as the mail owner (`-u`).
    public static let privileged = ServiceDemands(rawValue: 4)
    /// Uses up a token for every client and makes it wait for `in_flow_delay` when there is none.
    public static let inFlowDelay = ServiceDemands(rawValue: 8)
    /// Makes room for a fresh process after a time, however little it was used: `-r` seconds after its start, or
    /// without that `max_use` times `max_idle` seconds, at most 18,000. For single and event services.
    public static let retires = ServiceDemands(rawValue: 32)
    /// The service is what all others log through: its own messages must never wait for it.
    package static let neverWaitsForLog = ServiceDemands(rawValue: 16)
}

/// Whether a process goes on to accept work.
public enum AcceptDecision: Sendable {
    case goOn
    /// Ends the process with status 0 before it accepts anything, with this message: something it depends on has
    /// changed and a new process should serve who is waiting. Clients that are connected are cut off.
    case retire(String)
}
