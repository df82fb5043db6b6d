//===----------------------------------------------------------------------===//
// Quartermaster: one waiter a connection: EPOLLEXCLUSIVE under libevent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix

/// The lowest number that the next descriptor will get.
package func nextDescriptorNumber() throws(SystemError) -> DescriptorNumber {
    let probe = try DescriptorNumber.standardInput.duplicate(atLeast: 0)
    return probe.number
}

/// Whether `descriptor` is an epoll(7) instance.
package func isEpoll(_ descriptor: DescriptorNumber) -> Bool { cposix_is_epoll(descriptor.rawValue) == 1 }

/// Replaces the plain registration of `descriptor` on `epoll` by an exclusive one. When the kernel refuses, the plain
/// one is put back, and every waiter wakes up as before. Throws when that fails, too: nothing is registered then.
package func makeExclusive(epoll: DescriptorNumber, _ descriptor: DescriptorNumber) throws(SystemError) {
    do throws(SystemError) {
        _ = try calling(.epollControl) { cposix_epoll_delete(epoll.rawValue, descriptor.rawValue) }
    } catch {
        // It was registered elsewhere: there it stays as it is.
        return
    }
    do throws(SystemError) {
        _ = try calling(.epollControl) { cposix_epoll_add(epoll.rawValue, descriptor.rawValue, 1) }
    } catch {
        _ = try calling(.epollControl) { cposix_epoll_add(epoll.rawValue, descriptor.rawValue, 0) }
    }
}
