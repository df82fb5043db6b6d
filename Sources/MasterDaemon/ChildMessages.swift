//===----------------------------------------------------------------------===//
// Quartermaster: messages that a child can bring about as often as it likes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterPolicy

/// The kinds of message that a service's children, or the state of the machine, can bring about without an end.
enum ProvokedMessage: UInt32, CaseIterable {
    case garbage
    case readFailure
    case endOfFile
    case staleReport
    case unknownStatus
    case foreignReport
    case unknownReporter
    case queueStands
    /// The kernel had no room for a watch or a channel.
    case shortage
    case shutSocket
}

extension MessageGates {
    /// The gates of one service. The first message of a kind is written at once; those that follow within a minute are
    /// counted, and the next one is preceded by their number.
    static var ofService: MessageGates {
        MessageGates(intervalSeconds: 60, capacity: ProvokedMessage.allCases.count)
    }
}

extension RunningService {
    var name: String { plan.entry.nameAsWritten }

    /// Writes a warning, unless its kind was written a moment ago.
    func say(_ kind: ProvokedMessage, _ log: Log, _ now: PolicyTime, _ text: () -> String) {
        if pass(kind, log, now) == .open { log.warning(text()) }
    }

    /// Whether a message of this kind may be written now; if some were held back, their number is written first.
    func pass(_ kind: ProvokedMessage, _ log: Log, _ now: PolicyTime) -> GateState {
        let key = MessageKey(subject: 0, kind: kind.rawValue)
        guard let heldBack = gates.pass(key, nowSeconds: now.milliseconds / 1000) else { return .closed }
        if heldBack > 0 { log.warning("service \(name): \(heldBack) more messages like the next one were held back") }
        return .open
    }

    /// The same for the end of a child, of which many can be told.
    func passEnd(_ log: Log, _ now: PolicyTime) -> GateState {
        guard let heldBack = endGate.pass(nowSeconds: now.milliseconds / 1000) else { return .closed }
        if heldBack > 0 {
            log.warning("service \(name): \(heldBack) more processes ended, which is not logged one by one")
        }
        return .open
    }

    enum GateState { case open, closed }
}

extension PolicyNote {
    /// Whose children can bring the note about again and again; nil for what happens once for a process or a while.
    var provocation: (service: ServiceID, kind: ProvokedMessage)? {
        switch self {
        case .staleReport(_, let id, _): (id, .staleReport)
        case .unknownStatus(_, _, let id): (id, .unknownStatus)
        case .foreignReport(_, let sender, _): (sender, .foreignReport)
        case .unknownReporter(_, let id): (id, .unknownReporter)
        case .queueStands(let id, _): (id, .queueStands)
        case .exitStatus, .killedBy, .stoppedBy, .badStartup, .processLimit, .queueOverflowed, .unknownChild,
            .removalForced,
            .starting, .spawned, .throttling, .throttleReleased, .conditionalTimerStarted, .covered, .stressBegan,
            .stressEnded, .ready,
            .ended, .clientsLeft, .drainingEnded, .nudged, .cutOff, .drained, .resumed, .turnsOver,
            .outgoingAbandoned:
            nil
        }
    }
}

extension PolicyNote {
    /// Whose child ended, where the note is about that.
    var endedService: ServiceID? {
        switch self {
        case .exitStatus(_, let id, _), .killedBy(_, let id, _), .stoppedBy(_, let id, _): id
        case .badStartup, .processLimit, .queueOverflowed, .staleReport, .unknownStatus, .foreignReport, .unknownChild,
            .removalForced, .queueStands, .unknownReporter, .starting, .spawned, .throttling, .throttleReleased,
            .conditionalTimerStarted, .covered, .stressBegan, .stressEnded, .ready, .ended, .clientsLeft,
            .drainingEnded,
            .nudged, .cutOff, .drained, .resumed, .turnsOver, .outgoingAbandoned:
            nil
        }
    }
}
