//===----------------------------------------------------------------------===//
// Quartermaster: the processes of a service wait one at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import SystemCalls

/// Sees to it that of the processes of a service one waits for work, where the kernel would wake them all: each turn
/// begins with the lock that they share, and who got work gives it up at once. Without a lock, which is where the
/// kernel wakes one alone, or where there is one process alone, turns begin at once.
struct ServiceTurns: ~Copyable {
    private var lock: ServiceLock?

    init(_ lock: consuming ServiceLock?) { self.lock = lock }

    /// A turn of a process that serves one after the other.
    mutating func turn(_ life: inout ChildLife, atMost seconds: Int?) {
        // After a shortage that is over, we still count as busy with master.
        if life.isBusyForNow { life.endWork() }
        begin(&life)
        life.turn(atMost: seconds)
        life.handleAll()
    }

    /// The lock is kept over turns without work.
    private mutating func begin(_ life: inout ChildLife) {
        // A process that accepts nothing for a moment must not keep its siblings from it.
        if life.listeners.registration == .on { take(&life) } else { end(&life) }
    }

    private mutating func take(_ life: inout ChildLife) {
        do throws(SystemError) {
            if try lock?.tryToLock() == .othersHaveIt { try wait(&life) }
        } catch {
            life.warn(.lock, "select lock: \(error.reason) -- \(Self.pause(life)) for a moment")
            life.pause()
        }
    }

    private static func pause(_ life: borrowing ChildLife) -> String {
        life.circumstances.transport == .unixDatagram ? "receiving no datagrams" : "accepting no clients"
    }

    /// There is work, or it is the turn of others. A lock that we cannot give back is ours until it works: siblings
    /// wait meanwhile, and we go on.
    mutating func end(_ life: inout ChildLife) {
        do throws(SystemError) {
            try lock?.unlock()
        } catch {
            life.warn(.lock, "select unlock: \(error.reason) -- other processes of the service wait until it works")
        }
    }

    /// Nothing is at hand while others have the lock, so SIGTERM may end the process at once; a handler would not even
    /// interrupt the wait.
    private mutating func wait(_ life: inout ChildLife) throws(SystemError) {
        let action = try? Signal.terminate.takeDefault()
        defer { if let action { try? Signal.terminate.restore(action) } }
        // A signal that came before is in the loop already.
        life.turn(atMost: 0)
        life.handleAll()
        if !life.isLeaving { try lock?.lock() }
    }
}
