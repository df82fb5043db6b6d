//===----------------------------------------------------------------------===//
// Quartermaster: what a reload came to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig

/// The outcome of one reload, whole: what was found, and what was changed. Made at the one point where master decides;
/// the log tells it, and so can whoever asked.
struct ReloadReport: Equatable, Sendable {
    enum Outcome: Equatable, Sendable {
        case accepted(ServiceChanges)
        /// Everything stays as it was.
        case refused
    }

    let outcome: Outcome
    var asker = ReloadAsker.signal
    /// In the order of the lines. Those of an accepted reload are no worse than warnings.
    let problems: [ConfigProblem]
    /// The main.cf that was read.
    let mainPath: String

    var isAccepted: Bool { outcome != .refused }

    enum Level: Equatable, Sendable { case info, warning }

    struct Line: Equatable, Sendable {
        let level: Level
        let text: String

        static func info(_ text: String) -> Line { Line(level: .info, text: text) }
        static func warning(_ text: String) -> Line { Line(level: .warning, text: text) }
    }

    /// The lines of the log. What would be fatal at a start is a warning: master goes on.
    var lines: [Line] {
        let found = problems.map { problem -> Line in
            switch problem.severity {
            case .info: .info(problem.logged)
            case .warning, .fatal: .warning(problem.logged)
            }
        }
        switch outcome {
        case .accepted(let changes): return found + changes.lines.map { .info("reload accepted: \($0)") }
        case .refused: return found + refusal
        }
    }

    private var refusal: [Line] {
        let last = Line.warning(
            "reload refused: everything keeps running on the previous configuration"
                + " -- correct the problem above and reload again"
        )
        guard problems.contains(where: { $0.severity == .fatal && $0.file == mainPath }) else { return [last] }
        return [
            .warning(
                "until \(mainPath) is corrected, new processes of daemons other than Quartermaster's read the mistake"
                    + " too and fail"
            ), last,
        ]
    }
}
