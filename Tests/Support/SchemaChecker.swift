//===----------------------------------------------------------------------===//
// Quartermaster: a check of JSON against the schemas we write
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import Foundation

/// Knows what our schemas use, and refuses a schema that uses anything else, so that nothing goes unchecked.
package struct SchemaChecker {
    private static let keywords: Set = [
        "$schema", "$comment", "$defs", "$ref", "title", "description", "type", "properties", "required",
        "additionalProperties", "items", "enum", "const", "minimum", "minItems", "maxItems",
    ]
    private let root: [String: Any]

    package init(contentsOf url: URL) throws {
        guard let root = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] else {
            throw TestSupportError("\(url.path): no object")
        }
        self.root = root
    }

    package func complaints(about data: Data) throws -> [String] {
        var complaints: [String] = []
        try check(JSONSerialization.jsonObject(with: data), against: root, at: "$") { complaints.append($0) }
        return complaints
    }

    /// Of one of the schema's definitions.
    package func complaints(about data: Data, as name: String) throws -> [String] {
        var complaints: [String] = []
        try check(JSONSerialization.jsonObject(with: data), against: ["$ref": "#/$defs/\(name)"], at: "$") {
            complaints.append($0)
        }
        return complaints
    }

    /// Members that the schema lists and none of the documents has.
    package func unused(by documents: [Data]) throws -> [String] {
        var (listed, seen) = (Set<String>(), Set<String>())
        for document in documents {
            try walk(JSONSerialization.jsonObject(with: document), root, &listed, &seen)
        }
        return listed.subtracting(seen).sorted()
    }

    private func resolved(_ schema: [String: Any]) throws -> [String: Any] {
        if let strange = schema.keys.first(where: { !Self.keywords.contains($0) }) {
            throw TestSupportError("the schema uses \(strange), which is not checked")
        }
        guard let reference = schema["$ref"] as? String else { return schema }
        let name = String(reference.dropFirst("#/$defs/".count))
        guard let found = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else {
            throw TestSupportError("the schema has no \(reference)")
        }
        return found
    }

    private func check(_ value: Any, against unresolved: [String: Any], at path: String, say: (String) -> Void) throws {
        let schema = try resolved(unresolved)
        if let type = schema["type"] as? String, !Self.fits(value, type) { return say("\(path): not \(type)") }
        if let only = schema["const"] as? NSNumber, only != value as? NSNumber { say("\(path): not \(only)") }
        if let allowed = schema["enum"] as? [String], !allowed.contains(value as? String ?? "") {
            say("\(path): none of those listed")
        }
        if let least = schema["minimum"] as? Double, let number = (value as? NSNumber)?.doubleValue, number < least {
            say("\(path): below \(Int(least))")
        }
        if let items = value as? [Any], let itemSchema = schema["items"] as? [String: Any] {
            let bounds = (schema["minItems"] as? Int ?? 0)...(schema["maxItems"] as? Int ?? .max)
            if !bounds.contains(items.count) { say("\(path): not \(bounds.lowerBound) of them") }
            for (index, item) in items.enumerated() {
                try check(item, against: itemSchema, at: "\(path)[\(index)]", say: say)
            }
        }
        if let members = value as? [String: Any] { try check(members, of: schema, at: path, say: say) }
    }

    private func check(
        _ members: [String: Any],
        of schema: [String: Any],
        at path: String,
        say: (String) -> Void
    ) throws {
        for name in schema["required"] as? [String] ?? [] where members[name] == nil {
            say("\(path): \(name) is missing")
        }
        let known = schema["properties"] as? [String: Any] ?? [:]
        for (name, value) in members {
            let schema = known[name] as? [String: Any] ?? schema["additionalProperties"] as? [String: Any]
            guard let schema else {
                say("\(path): \(name) is not known")
                continue
            }
            try check(value, against: schema, at: "\(path).\(name)", say: say)
        }
    }

    private static func fits(_ value: Any, _ type: String) -> Bool {
        let isBool = (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
        switch type {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "boolean": return isBool
        case "number": return value is NSNumber && !isBool
        case "integer":
            return !isBool && ((value as? NSNumber).map { $0.doubleValue == $0.doubleValue.rounded() } ?? false)
        default: return false
        }
    }

    private func walk(
        _ value: Any,
        _ unresolved: [String: Any],
        _ listed: inout Set<String>,
        _ seen: inout Set<String>
    ) throws {
        let schema = try resolved(unresolved)
        if let items = value as? [Any], let schema = schema["items"] as? [String: Any] {
            for item in items { try walk(item, schema, &listed, &seen) }
        }
        guard let members = value as? [String: Any], let known = schema["properties"] as? [String: Any] else { return }
        let place = unresolved["$ref"] as? String ?? "$"
        listed.formUnion(known.keys.map { "\(place).\($0)" })
        seen.formUnion(members.keys.map { "\(place).\($0)" })
        for (name, value) in members {
            if let schema = known[name] as? [String: Any] { try walk(value, schema, &listed, &seen) }
        }
    }
}
