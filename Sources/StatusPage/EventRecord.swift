//===----------------------------------------------------------------------===//
// Quartermaster: what the status page says of events
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One thing that master decided or noticed.
package struct EventEntry: Equatable, Sendable {
    /// Counts from 1 on, and is never used again.
    package var number: UInt64 = 0
    /// Milliseconds since 1970.
    package var time: Int64 = 0
    package var kind: EventKind? = .start
    /// Row of the service; nil when the event is about none.
    package var service: UInt32?
    /// 0: about no process.
    package var pid: Int32 = 0
    /// What it counts depends on the kind.
    package var value: Int64 = 0
    package var serviceName = ""
    /// Bytes.
    package static var longestName: Int { 80 }

    package init() {}

    mutating func code(with coder: inout some WordCoder) {
        coder.code(&number)
        coder.code(&time)
        var (code, row) = (UInt32(kind?.rawValue ?? 0), service ?? .max)
        coder.code(&code, &row)
        (kind, service) = (UInt16(exactly: code).flatMap { EventKind(rawValue: $0) }, row == .max ? nil : row)
        coder.code(&pid)
        coder.code(&value)
        coder.code(&serviceName, words: Self.longestName / 8)
    }
}

/// The kinds of event. Numbers and names stay what they are.
package enum EventKind: UInt16, CaseIterable, Sendable {
    /// A process was started.
    case start = 1
    /// It took its first client; value: milliseconds since its start.
    case ready
    /// A process ended as it should; value: how many uses it had.
    case end
    /// A process ended in another way; value: its exit status, or the negative number of the signal that killed it.
    case fail
    /// Nothing is started for a while; value: how many seconds.
    case throttle
    case release
    /// All processes are busy, and there may not be more; value: how many there may be.
    case limit
    /// Processes run with stress=yes from now on; or no more.
    case stress
    case calm
    /// A wake-up was sent.
    case wakeup
    /// Idle processes were asked to look at the queue; value: how many.
    case nudge
    /// A reload was accepted, or refused; value: how many problems were found.
    case reload
    case reloadRefused
    /// A service has been drained or disabled, and its last process has left; value: how many were ended for it.
    case drain
    /// It is served again.
    case resume
    case upgrade
    /// The kernel refused something; it is tried again.
    case shortage
    /// Clients found no room in the queue, or it was found full; value: how often since the last event of this kind.
    case overflow

    package var name: String {
        switch self {
        case .reloadRefused: "reload-refused"
        default: "\(self)"
        }
    }

    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}
