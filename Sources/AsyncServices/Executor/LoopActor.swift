//===----------------------------------------------------------------------===//
// Quartermaster: the isolation of everything that a service does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What an async service is isolated to: the one thread of the process, which is also that of its event loop.
///
/// A service, its connections and every task that they begin are on it, so that they share variables without a lock:
/// between two `await`s nobody else runs. A type of yours that several handlers change is marked `@LoopActor` as well.
@globalActor public actor LoopActor {
    public static let shared = LoopActor()

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe LoopExecutor.shared.asUnownedSerialExecutor()
    }

    /// The process is to end, and finishes: no further client comes. What takes long may stop early.
    @LoopActor public static var isLeaving: Bool { TaskLoop.shared.isLeaving }

    /// Code of the loop that is no task, as what the actor isolates. Traps on another thread.
    @usableFromInline static func assume<Value>(_ body: @LoopActor () throws -> Value) rethrows -> Value {
        LoopExecutor.shared.checkIsolated()
        return try withoutActuallyEscaping(body) { (body: @escaping @LoopActor () throws -> Value) throws -> Value in
            // The isolation is no part of how a function without `async` is called; it was checked above.
            try unsafe unsafeBitCast(body, to: (() throws -> Value).self)()
        }
    }

    /// The same with something that the body changes.
    @usableFromInline static func assume<Argument, Value>(
        _ argument: inout Argument,
        _ body: @LoopActor (inout Argument) throws -> Value
    ) rethrows -> Value {
        LoopExecutor.shared.checkIsolated()
        typealias Isolated = @LoopActor (inout Argument) throws -> Value
        return try withoutActuallyEscaping(body) { (body: @escaping Isolated) throws -> Value in
            try unsafe unsafeBitCast(body, to: ((inout Argument) throws -> Value).self)(&argument)
        }
    }
}
