//===----------------------------------------------------------------------===//
// Quartermaster: a thread, for what is not a daemon
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc

/// What a thread does, until it has done it.
private final class ThreadBody {
    let body: () -> Void

    init(_ body: @escaping () -> Void) { self.body = body }
}

/// pthread_create(3): runs `body` beside everything else, with nobody waiting for its end. Daemons have one thread;
/// this is for tests, which have to see to it that nothing is used by two threads at once.
package func startThread(_ body: @escaping () -> Void) throws(SystemError) {
    let start = unsafe Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    // The reference goes to the thread, which gives it up.
    let result = unsafe pthread_create(
        &thread,
        nil,
        { argument in
            if let argument = unsafe argument {
                let start = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
                start.body()
            }
            return nil
        },
        unsafe start.toOpaque()
    )
    if result != 0 {
        unsafe start.release()
        throw SystemError(.pthreadCreate, Errno(rawValue: result))
    }
    pthread_detach(thread)
}
