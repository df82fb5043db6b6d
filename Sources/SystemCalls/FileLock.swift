//===----------------------------------------------------------------------===//
// Quartermaster: advisory locks, flock(2) style
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc
import SystemPackage

extension DescriptorNumber {
    /// flock(2) LOCK_EX|LOCK_NB: whether we hold the lock now.
    package func tryExclusiveLock() throws(SystemError) -> Bool {
        do throws(SystemError) {
            _ = try calling(.flock) { cposix_flock(rawValue, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            if error.code == .resourceTemporarilyUnavailable { return false }
            throw error
        }
    }

    /// flock(2) LOCK_EX: waits until we hold the lock.
    package func lockExclusively() throws(SystemError) {
        _ = try calling(.flock) { cposix_flock(rawValue, LOCK_EX) }
    }

    /// flock(2) LOCK_UN.
    package func unlock() throws(SystemError) {
        _ = try calling(.flock) { cposix_flock(rawValue, LOCK_UN) }
    }
}
