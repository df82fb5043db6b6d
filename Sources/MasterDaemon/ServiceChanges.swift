//===----------------------------------------------------------------------===//
// Quartermaster: what a reload has changed, in words
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

/// Which services a reload has added, removed and changed, and which processes it has told to leave.
struct ServiceChanges: Equatable, Sendable {
    /// A service that goes on with other addresses.
    struct Move: Equatable, Sendable {
        let plan: ServicePlan
        let added: [SocketAddress]
        let removed: [SocketAddress]
    }

    /// How many services take turns with the end of their processes, and for how long.
    struct Spread: Equatable, Sendable {
        let services: Int
        let seconds: Int
    }

    var added: [ServicePlan] = []
    var removed: [ServicePlan] = []
    var changed: [ServicePlan] = []
    var moved: [Move] = []
    /// Those with another length of the queue.
    var resized: [ServicePlan] = []
    /// Services whose processes stay.
    var kept = 0
    var spread: Spread?

    /// Bytes of names in one line; what is beyond is only counted.
    static let longestList = 400

    /// Lines about addresses; what is beyond is only counted.
    static let mostMoves = 20

    var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty && moved.isEmpty && resized.isEmpty }

    /// One line for each kind.
    var lines: [String] {
        let lines = [("added", added), ("removed", removed), ("changed", changed)].compactMap { what, plans in
            plans.isEmpty ? nil : "\(what) \(Self.list(plans))"
        }
        return (lines.isEmpty ? ["no service was added, removed or changed"] : lines) + details
    }

    /// What else there is to say.
    var details: [String] {
        var lines = moved.prefix(Self.mostMoves).map(\.line)
        if moved.count > Self.mostMoves {
            lines.append("\(moved.count - Self.mostMoves) more services have other addresses")
        }
        if !resized.isEmpty { lines.append("another length of the queue: \(Self.list(resized))") }
        if kept > 0 { lines.append("main.cf and \(Self.counted(kept)) are as they were: their processes stay") }
        if let spread {
            let who = spread.services == 1 ? "1 service tells its" : "\(spread.services) services tell their"
            lines.append("\(who) processes to leave within \(spread.seconds) seconds")
        }
        return lines
    }

    private static func counted(_ count: Int) -> String { count == 1 ? "1 service" : "\(count) services" }

    private static func list(_ plans: [ServicePlan]) -> String {
        var text = ""
        for (index, plan) in plans.enumerated() {
            let name = plan.fullName
            if index > 0, text.utf8.count + name.utf8.count + 2 > longestList {
                return text + " and \(plans.count - index) more"
            }
            text += (index > 0 ? ", " : "") + name
        }
        return text
    }
}

extension ServiceChanges.Move {
    fileprivate var line: String {
        let name = plan.fullName
        let parts = [("now listens on", added), ("no longer listens on", removed)].compactMap { what, addresses in
            addresses.isEmpty ? nil : "\(what) \(Self.list(addresses))"
        }
        return "\(name) \(parts.joined(separator: ", and "))"
    }

    private static func list(_ addresses: [SocketAddress]) -> String {
        let shown = addresses.prefix(10).map { "\($0.hostText) port \($0.port)" }.joined(separator: ", ")
        return addresses.count > 10 ? "\(shown) and \(addresses.count - 10) more" : shown
    }
}
