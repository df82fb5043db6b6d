//===----------------------------------------------------------------------===//
// Quartermaster: administrators of a test's mail system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

extension MailSystem {
    var controlSocket: String { queueDirectory + "/pid/master.control" }

    /// Runs masterctl to its end.
    func masterctl(_ words: String..., prefix: [String] = [], timeout: Duration = patience) throws -> ProcessResult {
        try run(prefix + masterctlCommand(words), timeout: timeout)
    }

    /// Starts masterctl and leaves it to itself.
    func beginMasterctl(_ words: String...) throws -> RunningProcess { try RunningProcess(masterctlCommand(words)) }

    private func masterctlCommand(_ words: [String]) throws -> [String] {
        let program = daemonDirectory + "/masterctl"
        if access(program, X_OK) != 0 { try install(BuiltProducts.path("masterctl"), as: "masterctl") }
        return [program] + words.prefix(1) + ["-c", configDirectory] + words.dropFirst()
    }

    /// One request as bytes, and everything that comes back.
    func control(_ request: String) -> String? { Caller.ask(.path(controlSocket), request) }
}
