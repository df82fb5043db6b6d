//===----------------------------------------------------------------------===//
// Quartermaster: how the life of a child begins
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterProtocol
import SystemCalls

extension ChildLife {
    /// Starts watching. From here on master may go away at any moment.
    ///
    /// - Parameter handlesTermination: whether what was received is dealt with before SIGTERM is obeyed.
    mutating func start(handlesTermination: Bool = false) {
        if circumstances.conductor == nil { startUnderMaster(handlesTermination) } else { startInTest() }
        limits.startIdleTimer(&loop, token: EventToken(.idleLimit))
        startRetirementTimer()
    }

    private mutating func startInTest() {
        do throws(SystemError) {
            try listeners.register(&loop)
        } catch {
            log.fatal(error.call.rawValue, error)
        }
    }

    private mutating func startUnderMaster(_ handlesTermination: Bool) {
        do throws(SystemError) {
            let channel = DescriptorNumber(InheritedDescriptor.status)
            masterWatch = try loop.watch(channel, for: .readable, token: EventToken(.master))
            if handlesTermination { _ = try loop.watchSignal(.terminate, token: EventToken(.terminate)) }
            if circumstances.parent == .ours { _ = try loop.watchSignal(.urgent, token: EventToken(.look)) }
            if circumstances.transport == .inet { keepConnectionsAlive() }
            try listeners.register(&loop)
            try closeInheritedOnExec(listeners: circumstances.socketCount)
            try Watchdog.start(seconds: UInt32(max(circumstances.watchdogSeconds, 3)))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
        log.prepareLastWords("watchdog timeout")
        forgetStart()
    }

    /// Without a master, and for one client.
    mutating func startAlone() {
        do throws(SystemError) {
            _ = try loop.watchSignal(.terminate, token: EventToken(.terminate))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
    }

    /// Accepted sockets inherit the option from their listener, but for those that were in its queue before.
    private func keepConnectionsAlive() {
        for index in 0..<Int32(circumstances.socketCount) {
            try? DescriptorNumber(InheritedDescriptor.firstListener + index).setOption(.keepAlive, 1)
        }
    }

    /// Rings once: from then on the process leaves as soon as its owner asks for the next step. A client that is served
    /// while the loop stands still is served to its end.
    private mutating func startRetirementTimer() {
        guard let seconds = circumstances.retirementSeconds else { return }
        loop.arm(loop.makeTimer(token: EventToken(.retirement)), milliseconds: Int64(seconds) * 1000)
    }
}

/// Programs that a service starts have no business with our channels.
private func closeInheritedOnExec(listeners: Int) throws(SystemError) {
    for number in InheritedDescriptor.flowRead..<InheritedDescriptor.firstListener + Int32(listeners) {
        try DescriptorNumber(number).setCloseOnExec(true)
    }
}
