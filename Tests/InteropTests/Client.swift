//===----------------------------------------------------------------------===//
// Quartermaster: clients of services under test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// Talks to a service once, or holds a connection to it, through the client side of the wire probe.
enum Client {
    /// Makes a service work once; the output is the first thing it says.
    static func touch(_ type: String, _ target: String) throws -> ProcessResult {
        try run([BuiltProducts.path("wire-probe"), "--touch", type, target])
    }

    /// The greeting of an SMTP or probe service on IPv4 loopback.
    static func greeting(port: UInt16) throws -> String {
        try touch("inet", "127.0.0.1:\(port)").output
    }

    /// Connects and stays until it is ended.
    static func hold(_ type: String, _ target: String) throws -> RunningProcess {
        try RunningProcess([BuiltProducts.path("wire-probe"), "--hold", type, target])
    }

    static func hold(port: UInt16) throws -> RunningProcess { try hold("inet", "127.0.0.1:\(port)") }
}

extension RunningProcess {
    /// Waits for the first output.
    func firstOutput(within limit: Duration = patience) -> String? {
        _ = eventually(within: limit) { !output.isEmpty || !isRunning }
        return output.isEmpty ? nil : output
    }
}
