//===----------------------------------------------------------------------===//
// Quartermaster: the file of a status page, from the reader's side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Why there is nothing to show.
package enum PageFileProblem: Error, Equatable, Sendable {
    case cannotRead(SystemError)
    case noPage(PageProblem)
}

/// Opens and reads the page at a path. The file is never mapped, so that nothing can happen to the reader that read(2)
/// would not tell.
package enum PageFile {
    /// How often a newer page may take the place of the one that is being read.
    private static let attempts = 10

    package static func read(_ path: String, _ parts: PageReader.Parts = .all) throws(PageFileProblem) -> Overview {
        for _ in 0..<attempts {
            switch try readOnce(path, parts) {
            case .success(let overview?): return overview
            case .success(nil): continue
            case .failure(let problem): throw .noPage(problem)
            }
        }
        throw .noPage(.superseded)
    }

    private static func readOnce(
        _ path: String,
        _ parts: PageReader.Parts
    ) throws(PageFileProblem) -> Result<Overview?, PageProblem> {
        do throws(SystemError) {
            // A FIFO in its place must not hold us up.
            let file = try openFile(path, [.readOnly, .nonBlocking])
            if try file.number.facts().kind != .file { return .failure(.noFile) }
            let number = file.number
            return try PageReader(parts).read { (offset, count) throws(SystemError) in
                try number.read(atMost: count, from: offset)
            }
        } catch {
            throw .cannotRead(error)
        }
    }
}
