//===----------------------------------------------------------------------===//
// Quartermaster: what is wrong with the page that workers count in
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Makes system calls whose failure is the page's.
func calling<Result: ~Copyable>(
    _ body: () throws(SystemError) -> Result
) throws(WorkerPageProblem) -> Result {
    do throws(SystemError) {
        return try body()
    } catch {
        throw .cannot(error)
    }
}

/// Why a page cannot be counted in, or read.
package enum WorkerPageProblem: Error, Equatable, Sendable {
    case cannot(SystemError)
    /// The file does not begin as a page, is one of another version, or has another length.
    case foreign
    /// Every row has a holder.
    case full
    /// Counts were being moved each time it was read.
    case restless

    package var isFullDisk: Bool {
        if case .cannot(let error) = self { return error.code == .noSpace }
        return false
    }

    package var reason: String {
        switch self {
        case .cannot(let error): error.description
        case .foreign: "not a page of this version"
        case .full: "\(WorkerPage.rowCount) processes count already"
        case .restless: "changed each time it was read"
        }
    }
}
