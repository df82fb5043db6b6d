//===----------------------------------------------------------------------===//
// Quartermaster: how bad a message is
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The five severities of Postfix's log, with what each implies for the process: see `Log`.
package enum Severity: Sendable {
    case info, warning, error, fatal, panic

    /// What stands before the text.
    package var prefix: String {
        switch self {
        case .info: ""
        case .warning: "warning: "
        case .error: "error: "
        case .fatal: "fatal: "
        case .panic: "panic: "
        }
    }

    /// Priority of syslog(3).
    var syslogLevel: Int {
        switch self {
        case .info: 6
        case .warning: 4
        case .error: 3
        case .fatal, .panic: 2
        }
    }
}
