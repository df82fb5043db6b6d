//===----------------------------------------------------------------------===//
// Quartermaster: a process whose system calls are watched, or made to fail
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A running process under strace(1).
package final class Traced {
    private let tracer: RunningProcess

    /// - Parameter options: what to trace and what to do to it.
    package init(_ pid: Int32, _ options: String...) throws {
        tracer = try RunningProcess(["/usr/bin/strace"] + options + ["-p", "\(pid)"])
        guard eventually({ tracer.output.contains("attached") }) else {
            throw TestSupportError("strace: \(tracer.output)")
        }
    }

    /// What it saw, which is complete when it has ended.
    package var report: String { tracer.output }

    package func end() { tracer.end() }
}
