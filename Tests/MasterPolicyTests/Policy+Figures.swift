//===----------------------------------------------------------------------===//
// Quartermaster: what tests ask a policy for, and master does not
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import MasterPolicy

extension Policy {
    /// The figures of a service up to `now`, as the readers of the status page count on from `plainFigures`. Those of a
    /// vacant index are of its last service.
    func figures(at index: Int, until now: PolicyTime) -> ServiceFigures {
        var figures = plainFigures(at: index)
        let isSaturated = services[index].coverage == .saturated
        figures.pass(until: now, busy: services[index].busy, isSaturated: isSaturated)
        return figures
    }
}

extension ServiceView {
    /// Whether the next client comes to master.
    var isWatching: Bool { watch == .alone }
}
