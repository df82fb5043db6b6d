//===----------------------------------------------------------------------===//
// Quartermaster: what master answers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One line of an answer. An answer is any number of lines, of which the last one is a result; then master closes.
package enum ControlReply: Hashable, Sendable {
    /// Something wrong with the configuration, or worth a word.
    case problem(Problem)
    /// What a reload did to a service, by its name and type.
    case change(Change, service: String)
    /// How far it is.
    case progress(String)
    /// The end: what became of the request.
    case result(Status, String)

    package struct Problem: Hashable, Sendable {
        package var severity: Severity
        package var file: String?
        package var line: Int?
        package var text: String
        package var cure: String?

        package init(_ severity: Severity, _ text: String, file: String? = nil, line: Int? = nil, cure: String? = nil) {
            self.severity = severity
            self.file = file
            self.line = line
            self.text = text
            self.cure = cure
        }
    }

    package enum Severity: String, CaseIterable, Sendable { case info, warning, fatal }
    package enum Change: String, CaseIterable, Sendable { case added, removed, changed }

    package enum Status: String, CaseIterable, Sendable {
        /// It is done.
        case ok
        /// It is not done, and nothing has changed.
        case refused
        /// It was begun, and did not come out as asked.
        case failed
    }

    package var isResult: Bool {
        if case .result = self { return true }
        return false
    }
}
