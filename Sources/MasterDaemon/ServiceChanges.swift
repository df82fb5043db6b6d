//===----------------------------------------------------------------------===//
// Quartermaster: what a reload has changed, in words
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol

/// Which services a reload has added, removed and changed.
struct ServiceChanges: Equatable, Sendable {
    var added: [ServicePlan] = []
    var removed: [ServicePlan] = []
    var changed: [ServicePlan] = []

    /// Bytes of names in one line; what is beyond is only counted.
    static let longestList = 400

    var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

    /// One line for each kind.
    var lines: [String] {
        let lines = [("added", added), ("removed", removed), ("changed", changed)].compactMap { what, plans in
            plans.isEmpty ? nil : "\(what) \(Self.list(plans))"
        }
        return lines.isEmpty ? ["no service was added, removed or changed"] : lines
    }

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
