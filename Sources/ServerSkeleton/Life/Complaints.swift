//===----------------------------------------------------------------------===//
// Quartermaster: warnings that come in crowds
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events

/// Warnings that clients, or a shortage, can bring about again and again: one of a kind is logged in a minute, with the
/// number of those that were held back since.
struct Complaints {
    enum Kind: Int, CaseIterable {
        case accept, watch, watchDescriptor, receive, lock, passedConnection, passAttributes, request, reply, drain
    }

    private let log: Log
    private var gates: [MessageGate]

    init(_ log: Log) {
        self.log = log
        gates = Kind.allCases.map { _ in MessageGate(intervalSeconds: 60) }
    }

    mutating func warn(_ kind: Kind, _ now: LoopTime, _ text: String) {
        if let text = gates[kind.rawValue].text(text, nowSeconds: now.milliseconds / 1000) { log.warning(text) }
    }
}
