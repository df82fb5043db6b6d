//===----------------------------------------------------------------------===//
// Quartermaster: how many clients wait at a service's endpoints
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
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
        _ = waiting(at: listeners, endpoint)
    }

    /// How many wait where it may lead to more than one start: 0 where the kernel does not tell, and of FIFOs and
    /// datagrams, which one process takes in crowds.
    mutating func waiting(at listeners: borrowing DescriptorList, _ endpoint: EndpointPlan) -> Int32 {
        var sum = 0
        for number in listeners.numbers {
            switch endpoint {
            case .inet: sum += (try? number.tcpQueue())?.length ?? 0
            case .path(_, .unix), .path(_, .pass): sum += unixQueue(number)?.length ?? 0
            case .udp, .path: break
            }
        }
        return Int32(clamping: sum)
    }

    /// How many wait at a full service, and who found no room. For each endpoint, two system calls of TCP, UDP and
    /// FIFOs, one of UNIX-domain datagrams, four of others.
    mutating func census(of listeners: borrowing DescriptorList, _ endpoint: EndpointPlan) -> QueueCount {
        var count = QueueCount()
        for number in listeners.numbers { add(number, endpoint, to: &count) }
        return count
    }

    private mutating func add(_ number: DescriptorNumber, _ endpoint: EndpointPlan, to count: inout QueueCount) {
        switch endpoint {
        case .inet:
            guard let queue = try? number.tcpQueue() else { return }
            count.add(queue)
            if let dropped = try? number.droppedCount() {
                count.turnedAway += UInt64(dropped)
            } else if queue.isOverfull {
                count.isFull = true
            }
        case .udp:
            guard let queue = try? number.datagramQueue() else { return }
            // Nobody counts the datagrams.
            if queue.length > 0 { count.waiting = 1 }
            count.room = Int32(clamping: queue.room)
            if let dropped = try? number.droppedCount() { count.turnedAway += UInt64(dropped) }
        case .path(_, .unix), .path(_, .pass):
            guard let queue = unixQueue(number) else { return }
            count.add(queue)
            if queue.isOverfull { count.isFull = true }
        case .path(_, .fifo):
            guard let queue = try? number.pipeQueue() else { return }
            count.add(queue)
            if queue.length >= queue.room { count.isFull = true }
        case .path:
            if (try? anyReadable([number])) == true { count.waiting = 1 }
        }
    }

    private mutating func unixQueue(_ number: DescriptorNumber) -> WaitingQueue? {
        if isUnixRefused { return nil }
        isUnixTried = true
        do throws(SystemError) {
            return try number.unixQueue()
        } catch {
            if !error.isShortage { isUnixRefused = true }
            return nil
        }
    }
}

extension QueueCount {
    fileprivate mutating func add(_ queue: WaitingQueue) {
        waiting = Int32(clamping: Int(waiting) + queue.length)
        room = Int32(clamping: queue.room)
    }
}
