//===----------------------------------------------------------------------===//
// Quartermaster: the evaluation of parameters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension MainDictionary {
    /// The value of a parameter. A default that is used is inserted, expanded, so that other values can refer to it.
    /// A problem is reported with the place of the value, and the parameter's fallback is returned.
    package mutating func value<P: ConfigParameter>(of parameter: P, problems: inout [ConfigProblem]) -> P.Value {
        guard let text = text(of: parameter, problems: &problems) else { return parameter.fallback }
        do {
            return try parameter.convert(text, in: self)
        } catch {
            let addition = isOption(parameter.name) ? " It is in an option of the service, in master.cf." : ""
            problems.append(.fatal(error.text, at: place(of: parameter.name), cure: error.cure + addition))
            return parameter.fallback
        }
    }

    /// The value of a parameter of ours (`master_...`), which no program of Postfix looks at: a mistake there must not
    /// stop what Postfix's own `master` would start. It is a warning, and the default counts.
    package mutating func value<P: ConfigParameter>(ofOwn parameter: P, problems: inout [ConfigProblem]) -> P.Value {
        var found: [ConfigProblem] = []
        let value = value(of: parameter, problems: &found)
        let isBad = found.hasFatal
        problems += found.map { $0.asWarning(adding: " -- using the default, \(parameter.defaultText)") }
        return isBad ? parameter.fallback : value
    }

    private mutating func text(of parameter: some ConfigParameter, problems: inout [ConfigProblem]) -> String? {
        let present = lookup(parameter.name)
        let raw = present ?? parameter.defaultText
        var text: String? = raw
        if parameter.isExpanded {
            text = expand(raw, for: parameter.name, problems: &problems)
        }
        if present == nil, let text { insertDefault(parameter.name, text) }
        return text
    }

    /// Expands `text`; problems carry the place of the parameter `name`.
    private func expand(_ text: String, for name: String, problems: inout [ConfigProblem]) -> String? {
        var found: [ConfigProblem] = []
        let result = Expansion.expand(text, in: self, problems: &found)
        problems += found.map { $0.placed(at: place(of: name)) }
        return result
    }
}
