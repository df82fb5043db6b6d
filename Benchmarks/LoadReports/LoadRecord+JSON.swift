//===----------------------------------------------------------------------===//
// Quartermaster: the report for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// What is wrong with a record, in words for the user who gave the file.
package enum RecordProblem: Error, Equatable, CustomStringConvertible {
    /// Not JSON, or not the JSON of a record.
    case unreadable(name: String, reason: String)
    case otherSchema(name: String, found: Int)
    /// JSON of the right shape that cannot have been measured.
    case impossible(name: String, what: String)
    /// A figure that JSON has no number for.
    case notFinite(what: String)

    package var description: String {
        switch self {
        case .unreadable(let name, let reason):
            "\(name): no record of bench-accept: \(reason); give a file that --json wrote"
        case .otherSchema(let name, let found):
            "\(name): schema \(found), this program reads \(LoadRecord.currentSchema): measure again with this version"
        case .impossible(let name, let what): "\(name): \(what): the file is damaged; measure again"
        case .notFinite(let what): "\(what): infinite or not a number, JSON cannot say it; no JSON is written"
        }
    }
}

extension LoadRecord {
    /// One object on one line, its members in the order of their names, as `docs/bench-accept.schema.json` describes
    /// it.
    package func json() throws(RecordProblem) -> String { try jsonText(self) }

    /// Reads what `json()` wrote. `name` is the file's, for the message.
    package init(json: [UInt8], name: String) throws(RecordProblem) {
        let data = Data(json)
        do {
            let probe = try JSONDecoder().decode(SchemaProbe.self, from: data)
            if probe.schema != Self.currentSchema {
                throw RecordProblem.otherSchema(name: name, found: probe.schema)
            }
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch let problem as RecordProblem {
            throw problem
        } catch {
            throw .unreadable(name: name, reason: reason(of: error))
        }
        if let what = impossibility { throw .impossible(name: name, what: what) }
    }
}

/// The one member that every schema has.
private struct SchemaProbe: Decodable {
    let schema: Int
}

func jsonText(_ value: some Encodable) throws(RecordProblem) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    } catch EncodingError.invalidValue(_, let context) {
        throw .notFinite(what: path(context.codingPath))
    } catch {
        throw .notFinite(what: "the record")
    }
}

private func path(_ keys: [any CodingKey]) -> String {
    keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
}

private func reason(of error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): "\(path(context.codingPath + [key])) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
        "\(path(context.codingPath)) has another type"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
        "\(path(context.codingPath)) has no such value"
    default: "it is not JSON"
    }
}
