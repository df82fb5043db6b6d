//===----------------------------------------------------------------------===//
// Quartermaster: what the policy has to tell
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Everything worth a log line, typed; the texts are the logger's business.
package enum PolicyNote: Equatable, Sendable {
    case exitStatus(pid: Int32, ServiceID, status: Int32)
    case killedBy(pid: Int32, ServiceID, signal: Int32)
    case stoppedBy(pid: Int32, ServiceID, signal: Int32)
    /// A child died abnormally before it completed a request; the service is throttled.
    case badStartup(ServiceID)
    /// As soon as it is reached, of services that stress adapts to; of any service, when clients have been waiting for
    /// two seconds, with their number.
    case processLimit(ServiceID, limit: Int32, waiting: Int32? = nil)
    /// Clients found no room in the queue, so often since the last note; or, where nobody counts them, it was found
    /// full so often. `room`: how many may wait.
    case queueOverflowed(ServiceID, times: UInt64, room: Int32)
    /// The report names another life than the one we know under this pid.
    case staleReport(pid: Int32, ServiceID, generation: UInt32)
    case unknownStatus(value: Int32, pid: Int32, ServiceID)
    /// A report about a process of `owner` came on the channel of `sender`.
    case foreignReport(pid: Int32, sender: ServiceID, owner: ServiceID)
    /// A process ended that is none of ours; the original calls this a panic, we go on.
    case unknownChild(pid: Int32)
    /// A removed service's children outlived their time.
    case removalForced(ServiceID, children: Int32)
    /// Clients stand in the queue, and idle children did not react to a nudge.
    case queueStands(ServiceID, idle: Int32)
    /// A process was still at work at the deadline of a drain; it is ended.
    case cutOff(pid: Int32, ServiceID)
    /// The last process of a service that is drained or disabled has left; so many of them were ended.
    case drained(ServiceID, cutOff: Int32)
    /// A service that was drained or disabled is served again.
    case resumed(ServiceID)
    /// In a reload that is spread out, every service has had its turn.
    case turnsOver
    /// Clients wait at an endpoint that the service has lost; only processes that have it already will serve them.
    case outgoingAbandoned(ServiceID)
    /// Normal: the reporter is gone already. Verbose.
    case unknownReporter(pid: Int32, ServiceID)
    /// Verbose.
    case starting(ServiceID, StartReason)
    /// Verbose.
    case spawned(pid: Int32, ServiceID)
    /// Verbose.
    case throttling(ServiceID)
    /// Verbose.
    case throttleReleased(ServiceID)
    /// Verbose.
    case conditionalTimerStarted(ServiceID)
    /// Who looks after the endpoints from now on. Verbose.
    case covered(ServiceID, Coverage, idle: Int32, total: Int32)
    /// The present children leave when they can and come back in stress mode. Verbose.
    case stressBegan(ServiceID)
    /// The time of stress is over, and a process is started that knows nothing of it. Verbose.
    case stressEnded(ServiceID)
    /// A child was heard of for the first time. Verbose.
    case ready(pid: Int32, ServiceID, milliseconds: Int64)
    /// A child ended as it should. Verbose.
    case ended(pid: Int32, ServiceID, uses: UInt32)
    /// A child that is at its end has left its clients to another process. Verbose.
    case clientsLeft(pid: Int32, ServiceID, to: Int32)
    /// That process has ended. Verbose.
    case drainingEnded(pid: Int32, ServiceID)
    /// Idle children are asked to look at the queue. Verbose.
    case nudged(ServiceID, children: Int32)

    /// Whether the line is written only when verbose logging is on.
    package var isVerbose: Bool {
        switch self {
        case .exitStatus, .killedBy, .stoppedBy, .badStartup, .processLimit, .queueOverflowed, .staleReport,
            .unknownStatus,
            .foreignReport, .unknownChild, .removalForced, .queueStands, .cutOff,
            .drained, .resumed, .turnsOver, .outgoingAbandoned:
            false
        case .unknownReporter, .starting, .spawned, .throttling, .throttleReleased, .conditionalTimerStarted, .covered,
            .stressBegan, .stressEnded, .ready, .ended, .clientsLeft, .drainingEnded, .nudged:
            true
        }
    }
}

/// Why a child is started.
package enum StartReason: UInt8, Sendable {
    /// A client came while master watched.
    case clientCame
    /// More clients wait than there are children to accept them.
    case queueIsLong
    /// Clients stand in the queue beside idle children that do not react.
    case queueStands
    /// A process of the same service is to be replaced.
    case replacing
}
