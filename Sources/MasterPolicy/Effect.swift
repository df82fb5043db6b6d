//===----------------------------------------------------------------------===//
// Quartermaster: what the policy wants done
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// One thing for master to do, in the order it was decided. A deed that the kernel refuses is answered with the event
/// that its description names.
///
/// Effects are plain numbers: the caller that carries them out looks up sockets, commands and names by `ServiceID`.
package enum Effect: Equatable, Sendable {
    /// Tell the policy when the service's endpoints become readable. When not all of them can be watched:
    /// `watchFailed`.
    case watchEndpoints(ServiceID)
    case unwatchEndpoints(ServiceID)
    /// Listen to the channel, after opening one where there is none. When that fails: `channelFailed`.
    case openStatusChannel(ServiceID)
    /// Read what is left in the old channel, report it, close it, and open a new one. Children see end-of-file. When
    /// there is no new one to be had: `channelFailed`.
    case replaceStatusChannel(ServiceID)
    case closeStatusChannel(ServiceID)
    case closeEndpoints(ServiceID)
    /// Open a second channel, for processes that start from now on; the present one becomes the former. Answer with
    /// `channelAdded` or `channelNotAdded`.
    case addStatusChannel(ServiceID)
    /// Undo that: read what is left in both channels, report it, and close the second one; the former is the present
    /// one again.
    case withdrawStatusChannel(ServiceID)
    /// Read what is left in the former channel, report it, and close it.
    case closeFormerChannel(ServiceID)
    /// New clients shall find nobody, and those in the queue stay there. It may be so already, or in part, when an
    /// admission has failed. When it cannot be had: `refusalFailed`.
    case refuseClients(ServiceID)
    /// Undo that, with the queue as it is. When that fails: `admissionFailed`.
    case admitClients(ServiceID)
    /// See whether any client waits, as for `lookAtQueue`, and answer with `emptinessSeen`.
    case lookWhetherEmpty(ServiceID)
    /// A drain has come to its end, or was taken back: whoever waits for it is told what `view(of:)` says.
    case steeringEnded(ServiceID)
    case retirementEnded(ServiceID, RetirementEnd)
    /// See whether any client waits at endpoints that the service has lost, and answer with `outgoingSeen`.
    case lookAtOutgoing(ServiceID)
    /// Nobody is served there any more, but by processes that have them already.
    case closeOutgoing(ServiceID)
    /// Count the clients that wait at the service's endpoints, and answer with `queueMeasured`, before anything but
    /// ends of children is told.
    case measureQueue(ServiceID)
    /// Count them, and those that found no room, and answer with `clientsCounted`.
    case countClients(ServiceID)
    /// See whether any client waits at the service's endpoints, and answer with `queueLooked`.
    case lookAtQueue(ServiceID)
    /// Start one child, and answer with `spawned` or `spawnFailed`.
    case spawn(ServiceID, Generation, underStress: Bool)
    /// Call `timerFired` once after this time; starting a running timer again moves it.
    case startTimer(PolicyTimer, milliseconds: Int64)
    case cancelTimer(PolicyTimer)
    /// Do what a client does to get a process started: connect, and send the wake-up byte.
    case sendWakeup(ServiceID)
    case signal(pid: Int32, ChildSignal)
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
    /// Next look at the queue.
    case look(ServiceID)
    /// Another try of what the kernel refused.
    case retry(ServiceID)
    /// End of patience with the children of a removed service.
    case removalDeadline(ServiceID)
    /// Next look at what a service that is drained waits for.
    case steeringLook(ServiceID)
    /// End of patience with the processes of a service that is drained.
    case steeringDeadline(ServiceID)
    /// Next step of a retirement.
    case retirementStep(ServiceID)
    /// The service's processes are told to leave, in a reload that is spread out.
    case turn(ServiceID)
    /// Next look at endpoints that the service has lost.
    case outgoingLook(ServiceID)

    /// Every timer that a service can have.
    package static func all(of id: ServiceID) -> [PolicyTimer] {
        [
            .throttle(id), .wakeup(id), .look(id), .retry(id), .removalDeadline(id), .steeringLook(id),
            .steeringDeadline(id), .retirementStep(id), .turn(id), .outgoingLook(id),
        ]
    }
}

package enum ChildSignal: Equatable, Sendable {
    /// SIGTERM
    case terminate
    /// SIGKILL
    case kill
    /// SIGURG: look at the queue. Postfix's daemons ignore it, as every process does by default.
    case look
}
