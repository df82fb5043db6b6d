//===----------------------------------------------------------------------===//
// Quartermaster: what a service manager is told, in its words
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One datagram to a service manager, in the assignments of sd_notify(3). It says what is to be told and never whether
/// there is somebody to tell.
enum ServiceManagerNotice: Equatable, Sendable {
    /// The start is over: every service can be reached.
    case started(pid: Int32, services: Int)
    /// A reload has begun, at this moment of CLOCK_MONOTONIC.
    case reloading(microseconds: Int64)
    /// A reload is over.
    case reloaded(services: Int, isAccepted: Bool)
    /// The loop turns.
    case alive
    case stopping(reason: String)

    var text: String {
        switch self {
        case .started(let pid, let services):
            "READY=1\nMAINPID=\(pid)\nSTATUS=\(Self.serving(services))"
        case .reloading(let microseconds):
            "RELOADING=1\nMONOTONIC_USEC=\(microseconds)\nSTATUS=reloading"
        case .reloaded(let services, isAccepted: true):
            "READY=1\nSTATUS=\(Self.serving(services))"
        case .reloaded(let services, isAccepted: false):
            "READY=1\nSTATUS=\(Self.serving(services)); the last reload was refused, see the log"
        case .alive: "WATCHDOG=1"
        case .stopping(let reason): "STOPPING=1\nSTATUS=\(reason)"
        }
    }

    /// Whether a later notice makes it superfluous, so that it need not be kept for a receiver that is busy.
    var isForTheMoment: Bool { self == .alive }

    private static func serving(_ services: Int) -> String {
        "serving \(services) service\(services == 1 ? "" : "s")"
    }
}
