//===----------------------------------------------------------------------===//
// Quartermaster: how a process of ours ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Exit statuses that master(8) and its scripts rely on.
package enum ExitCode {
    /// A voluntary end: idle, enough requests, master gone, `-t` with no master running.
    package static let success: Int32 = 0
    /// A fatal error; master throttles a service whose child ends so before its first request.
    package static let failure: Int32 = 1
}
