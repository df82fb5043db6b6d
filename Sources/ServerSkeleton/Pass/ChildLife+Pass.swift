//===----------------------------------------------------------------------===//
// Quartermaster: waiting for a connection that is being passed on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

extension ChildLife {
    /// Waits until the connection is there, for a process that serves one client after the other.
    ///
    /// - Parameter expectsList: whether attributes follow the descriptor.
    /// - Returns: nil when it did not come; the reason has been logged.
    mutating func receivePassed(_ arrival: consuming Arrival, expectsList: Bool = true) -> PassedConnection? {
        let sender = arrival.descriptor.number
        var reception = PassReception(arrival, now: loop.now, expectsList: expectsList)
        while true {
            let now = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
            switch reception.advance(now: now) {
            case .complete: return reception.connection()
            case .failed(let why):
                refusedPassed(why)
                return nil
            case .waiting:
                let left = Int32(clamping: max(reception.millisecondsLeft(now), 0))
                if (try? sender.waitForInput(milliseconds: left)) == true { continue }
                refusedPassed("timeout")
                return nil
            }
        }
    }

    private mutating func refusedPassed(_ why: String) {
        warn(.passedConnection, "service \(circumstances.serviceName): receive connection: \(why)")
    }
}
