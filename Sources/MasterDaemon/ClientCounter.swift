//===----------------------------------------------------------------------===//
// Quartermaster: how many clients wait at a service's endpoints
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

/// Counts the clients in the queues of endpoints, as far as the kernel tells. Decides nothing.
///
/// For UNIX-domain sockets it is a question over netlink. The kernel may have to load a module for the first
/// question, which is therefore asked before a client waits for the answer. A kernel that has no such module searches
/// for it each time, so a refusal is remembered. A question takes longer the more UNIX-domain sockets the machine has,
/// some 20 µs for a few hundred.
struct ClientCounter {
    private var isUnixRefused = false
    private var isUnixTried = false

    /// Asks about a UNIX-domain socket what need not be known yet, if that was never asked before.
    mutating func tryOut(_ listeners: borrowing DescriptorList, _ endpoint: EndpointPlan) {
        guard !isUnixTried, case .path = endpoint else { return }
        _ = count(listeners, endpoint)
    }

    /// 0 where the kernel does not tell: of FIFOs and datagrams, and in places that forbid to ask.
    mutating func count(_ listeners: borrowing DescriptorList, _ endpoint: EndpointPlan) -> Int32 {
        var waiting = 0
        for number in listeners.numbers {
            switch endpoint {
            case .inet: waiting += (try? number.tcpQueueLength()) ?? 0
            case .path(_, .unix), .path(_, .pass): waiting += unixQueueLength(number)
            case .path: break
            }
        }
        return Int32(clamping: waiting)
    }

    private mutating func unixQueueLength(_ number: DescriptorNumber) -> Int {
        if isUnixRefused { return 0 }
        isUnixTried = true
        do throws(SystemError) {
            return try number.unixQueueLength()
        } catch {
            if !error.isShortage { isUnixRefused = true }
            return 0
        }
    }
}
