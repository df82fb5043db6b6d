//===----------------------------------------------------------------------===//
// Quartermaster: answers as JSON lines: writing and reading
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension ControlReply {
    /// One JSON object, without the newline.
    package var json: String {
        var object = FlatObject()
        switch self {
        case .problem(let problem):
            object["type"] = .text("problem")
            object["severity"] = .text(problem.severity.rawValue)
            object["file"] = problem.file.map { .text($0) }
            object["line"] = problem.line.map { .number($0) }
            object["text"] = .text(problem.text)
            object["cure"] = problem.cure.map { .text($0) }
        case .change(let change, let service):
            object["type"] = .text("change")
            object["change"] = .text(change.rawValue)
            object["service"] = .text(service)
        case .progress(let text):
            object["type"] = .text("progress")
            object["text"] = .text(text)
        case .result(let status, let text):
            object["type"] = .text("result")
            object["status"] = .text(status.rawValue)
            object["text"] = .text(text)
        }
        return object.json
    }

    /// Reads what `json` wrote; nil for what it never writes. Fields that are not known are passed over.
    package init?(json line: String) {
        guard let object = FlatObject(json: line) else { return nil }
        switch object.text("type") {
        case "problem":
            guard let severity = object.text("severity").flatMap({ Severity(rawValue: $0) }),
                let text = object.text("text")
            else { return nil }
            self = .problem(
                Problem(
                    severity,
                    text,
                    file: object.text("file"),
                    line: object.number("line"),
                    cure: object.text("cure")
                )
            )
        case "change":
            guard let change = object.text("change").flatMap({ Change(rawValue: $0) }),
                let service = object.text("service")
            else { return nil }
            self = .change(change, service: service)
        case "progress":
            guard let text = object.text("text") else { return nil }
            self = .progress(text)
        case "result":
            guard let status = object.text("status").flatMap({ Status(rawValue: $0) }), let text = object.text("text")
            else { return nil }
            self = .result(status, text)
        default: return nil
        }
    }
}
