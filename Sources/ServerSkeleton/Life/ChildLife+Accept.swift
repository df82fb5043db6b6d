//===----------------------------------------------------------------------===//
// Quartermaster: accepting a client
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls

/// A connection from the queue of an endpoint: of a client or, where connections are passed on, a sender.
struct Arrival: ~Copyable {
    let descriptor: Descriptor
    /// A number that is kept free for the descriptor that a sender passes.
    let reserve: Descriptor?
}

extension ChildLife {
    /// The next one that waits; nil when none does, when there were enough for one turn, or when there are no
    /// descriptors.
    ///
    /// - Parameter blocking: what its descriptor is to be.
    mutating func acceptNext(blocking: Bool = false) -> Arrival? {
        while let listener = listeners.next() {
            do throws(SystemError) {
                // A sender stays in the queue unless there is a number for what it passes, too.
                let reserve = circumstances.transport == .pass ? try listener.duplicate(atLeast: 0) : nil
                switch try listener.accept(blocking: blocking) {
                case .client(let descriptor):
                    acceptedWork()
                    if acceptsEarlierClients { try? descriptor.number.setOption(.keepAlive, 1) }
                    return Arrival(descriptor: descriptor, reserve: reserve)
                case .nothing:
                    listeners.wasEmpty()
                    acceptsEarlierClients = false
                }
            } catch {
                pause(error)
            }
        }
        return nil
    }
}
