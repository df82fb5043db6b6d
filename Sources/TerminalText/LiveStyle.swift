//===----------------------------------------------------------------------===//
// Quartermaster: whether and how a terminal shows a run in progress
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the terminal can show.
package struct LiveStyle: Equatable, Sendable {
    package var columns: Int
    package var hasColors: Bool
    /// It shows more than ASCII.
    package var hasUnicode: Bool

    package init(columns: Int, hasColors: Bool, hasUnicode: Bool = true) {
        self.columns = columns
        self.hasColors = hasColors
        self.hasUnicode = hasUnicode
    }

    /// Nil: no live view, because this is no terminal or one that cannot move its cursor. `columns`: what the terminal
    /// says of its width; nil or 0 when it says nothing.
    package init?(isTerminal: Bool, environment: [String: String], columns: Int? = nil) {
        let terminal = environment["TERM"] ?? ""
        guard isTerminal, !terminal.isEmpty, terminal != "dumb" else { return nil }
        // As no-color.org has it: any value but the empty one.
        hasColors = (environment["NO_COLOR"] ?? "").isEmpty
        hasUnicode = Self.speaksUnicode(environment)
        let told = columns.flatMap { $0 > 0 ? $0 : nil } ?? environment["COLUMNS"].flatMap { Int($0) } ?? 80
        self.columns = min(max(told, 20), 1000)
    }

    /// The first of these that is set decides, as in setlocale(3).
    private static func speaksUnicode(_ environment: [String: String]) -> Bool {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale = names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        return locale.lowercased().replacing("-", with: "").hasSuffix("utf8")
    }
}
