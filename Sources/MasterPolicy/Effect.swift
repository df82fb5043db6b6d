//===----------------------------------------------------------------------===//
// Quartermaster: what the policy wants done
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// One thing for master to do, in the order it was decided.
///
/// Effects are plain numbers: whoever carries them out looks up sockets, commands and names by `ServiceID`.
package enum Effect: Equatable, Sendable {
    /// Tell the policy when the service's endpoints become readable.
    case watchEndpoints(ServiceID)
    case unwatchEndpoints(ServiceID)
    case openStatusChannel(ServiceID)
    /// Read what is left in the old channel, report it, close it, and open a new one. Children see end-of-file.
    case replaceStatusChannel(ServiceID)
    case closeStatusChannel(ServiceID)
    case closeEndpoints(ServiceID)
    /// See how many clients wait at the service's endpoints, and answer with `queueMeasured`,
    /// before anything but ends of children is told.
    case measureQueue(ServiceID)
    /// Start one child, and answer with `spawned` or `spawnFailed`.
    case spawn(ServiceID, Generation, underStress: Bool)
    /// Call `timerFired` once after this time; starting a running timer again moves it.
    case startTimer(PolicyTimer, milliseconds: Int64)
    case cancelTimer(PolicyTimer)
    /// Do what a client does to get a process started: connect, and send the wake-up byte.
    case sendWakeup(ServiceID)
    case terminate(pid: Int32, signal: TerminationSignal)
    /// Nothing is left of the service; its `ServiceID` is not used again.
    case serviceRemoved(ServiceID)
    case note(PolicyNote)
}

/// What the policy waits for.
package enum PolicyTimer: Hashable, Sendable {
    /// End of a throttle.
    case throttle(ServiceID)
    /// Next wake-up.
    case wakeup(ServiceID)
    /// End of patience with the children of a removed service.
    case removalDeadline(ServiceID)
}

package enum TerminationSignal: Equatable, Sendable {
    /// SIGTERM
    case term
    /// SIGKILL
    case kill
}

/// Everything worth a log line, typed; the texts are the logger's business.
package enum PolicyNote: Equatable, Sendable {
    case exitStatus(pid: Int32, ServiceID, status: Int32)
    case killedBy(pid: Int32, ServiceID, signal: Int32)
    case stoppedBy(pid: Int32, ServiceID, signal: Int32)
    /// A child died abnormally before it completed a request; the service is throttled.
    case badStartup(ServiceID)
    case processLimit(ServiceID, limit: Int32)
    /// The report names another life than the one we know under this pid.
    case staleReport(pid: Int32, generation: UInt32)
    case unknownStatus(value: Int32, pid: Int32)
    /// A report about a process of `owner` came on the channel of `sender`.
    case foreignReport(pid: Int32, sender: ServiceID, owner: ServiceID)
    /// A process ended that is none of ours; the original calls this a panic, we go on.
    case unknownChild(pid: Int32)
    /// A removed service's children outlived their time.
    case removalForced(ServiceID, children: Int32)
    /// Normal: the reporter is gone already. Verbose.
    case unknownReporter(pid: Int32)
    /// Verbose.
    case spawned(pid: Int32, ServiceID)
    /// Verbose.
    case throttling(ServiceID)
    /// Verbose.
    case throttleReleased(ServiceID)
    /// Verbose.
    case conditionalTimerStarted(ServiceID)

    /// Whether the line is written only when verbose logging is on.
    package var isVerbose: Bool {
        switch self {
        case .exitStatus, .killedBy, .stoppedBy, .badStartup, .processLimit, .staleReport, .unknownStatus,
            .foreignReport, .unknownChild, .removalForced:
            false
        case .unknownReporter, .spawned, .throttling, .throttleReleased, .conditionalTimerStarted:
            true
        }
    }
}
