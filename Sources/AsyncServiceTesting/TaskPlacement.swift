//===----------------------------------------------------------------------===//
// Quartermaster: the tasks of a service under test, on the thread of its loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import Glibc

/// In a process of its own, the loop of an async service runs every task (`ProcessExecutors.swift`). In a test the
/// tasks of the test go where they always go, and only what the thread of the loop begins stays there: Swift's runtime
/// asks a hook, if there is one, about each job that may run anywhere.
enum TaskPlacement {
    private typealias Enqueue = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Enqueue) -> Void

    /// Sets the hook, once. False where the runtime has none.
    static let isThere: Bool = {
        // That which is in this process already.
        guard let place = unsafe dlsym(nil, "swift_task_enqueueGlobal_hook") else { return false }
        unsafe former = place.load(as: Hook?.self)
        unsafe place.storeBytes(of: hook, as: Hook?.self)
        return true
    }()

    /// Somebody else's. Written before the hook is, and never again.
    private nonisolated(unsafe) static var former: Hook?

    private static let hook: Hook = { job, enqueue in
        if TestedTasks.take(job) { return }
        if let former = unsafe former { former(job, enqueue) } else { enqueue(job) }
    }
}
