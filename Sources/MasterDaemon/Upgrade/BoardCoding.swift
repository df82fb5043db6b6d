//===----------------------------------------------------------------------===//
// Quartermaster: what the status page says that no decision depends on, among the fields of a state
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import StatusPage

extension Handover {
    /// So that nothing that is counted goes backwards, and no event is missing.
    struct Board: Equatable {
        /// As `PageWriter` keeps them.
        var events: [Int64] = []
        var lastEvent: UInt64 = 0
        var lastReload = ReloadOutcome()
        /// How many were accepted, and refused.
        var reloads: UInt64 = 0
        var refusals: UInt64 = 0
    }
}

extension Handover.Board {
    init(_ board: borrowing StatusBoard) {
        events = board.eventWords
        lastEvent = board.lastEvent
        lastReload = board.master.lastReload
        (reloads, refusals) = (board.master[.reloads], board.master[.reloadsRefused])
    }

    func restore(_ board: inout StatusBoard) {
        board.goOn(behind: events, lastEvent)
        board.master.lastReload = lastReload
        (board.master[.reloads], board.master[.reloadsRefused]) = (reloads, refusals)
    }

    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&events, blank: 0) { coder, word throws(StateProblem) in try coder.code(&word) }
        try coder.code(&lastEvent)
        try coder.code(&lastReload.ended)
        try coder.code(&lastReload.cause)
        try coder.code(&lastReload.user)
        try coder.code(&lastReload.pid)
        try coder.code(&lastReload.result)
        try coder.code(&lastReload.problems)
        try coder.code(&reloads)
        try coder.code(&refusals)
    }
}
