//===----------------------------------------------------------------------===//
// Quartermaster: the environment that master keeps and hands to its children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// `import_environment`: which variables survive the scrub at start, and which are set to a value of their own; and
/// `export_environment`, the same for programs that are not Postfix's.
package enum ImportEnvironment {
    package enum Item: Equatable, Sendable {
        /// Kept with the value it has, if it is set.
        case keep(String)
        case set(String, String)
    }

    /// The items of the list; a malformed one is reported and left out.
    package static func parse(
        _ text: String,
        of parameter: String = "import_environment",
        problems: inout [ConfigProblem]
    ) -> [Item] {
        var items: [Item] = []
        for token in Tokens.list(text, groupsBraces: true) {
            do {
                items.append(try item(token, parameter))
            } catch {
                problems.append(error)
            }
        }
        return items
    }

    private static func item(_ token: String, _ parameter: String) throws(ConfigProblem) -> Item {
        let cure = "Write each item of \(parameter) as name, name=value or { name = value }."
        let content: ArraySlice<UInt8>
        do {
            content = try Braces.content(token.bytes)
        } catch {
            throw ConfigProblem.fatal("\(parameter): \(error.text)", cure: cure)
        }
        guard content.contains(ASCII.equals) else { return .keep(content.text) }
        do {
            let (name, value) = try MainDictionary.split(content)
            return .set(name, value)
        } catch {
            throw ConfigProblem.fatal("clean_env: \(error.text) in: \(content.text)", cure: cure)
        }
    }

    /// What is left of an environment, in the order of the items; of several items for one name the last counts.
    package static func scrub(
        environment: [(name: String, value: String)],
        items: [Item]
    ) -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        for item in items {
            let variable: (name: String, value: String)
            switch item {
            case .set(let name, let value):
                variable = (name, value)
            case .keep(let name):
                guard let found = environment.first(where: { $0.name.hasSameBytes(as: name) }) else { continue }
                variable = found
            }
            if let place = result.firstIndex(where: { $0.name.hasSameBytes(as: variable.name) }) {
                result[place] = variable
            } else {
                result.append(variable)
            }
        }
        return result
    }
}
