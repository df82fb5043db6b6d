//===----------------------------------------------------------------------===//
// Quartermaster: why a process cannot be watched
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package enum WatchProblem: Error, Equatable, CustomStringConvertible {
    case noSuchProcess(Int32)
    case notPermitted(Int32)
    /// /proc is not mounted, or not readable.
    case noProcessTable(reason: String)

    package var description: String {
        switch self {
        case .noSuchProcess(let pid):
            "process \(pid): there is no such process, or it is hidden from this user; nothing was measured; give the "
                + "pid of a running server"
        case .notPermitted(let pid):
            "process \(pid): this user may not look at its memory; nothing was measured; run as the server's user or "
                + "as root"
        case .noProcessTable(let reason):
            "/proc: \(reason); no process can be watched; mount it, or leave out --pid"
        }
    }
}
