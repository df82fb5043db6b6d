//===----------------------------------------------------------------------===//
// Quartermaster: a parameter whose value is one word of a few
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One of the words of `Choice`, in any case of letters.
package struct ChoiceParameter<Choice>: ConfigParameter
where Choice: RawRepresentable<String> & CaseIterable & Sendable, Choice.AllCases == [Choice] {
    package let name: String
    private let standard: Choice

    package init(_ name: String, default standard: Choice) {
        self.name = name
        self.standard = standard
    }

    package var defaultText: String { standard.rawValue }
    package var fallback: Choice { standard }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> Choice {
        if let choice = Choice(rawValue: text.lowercasedASCII) { return choice }
        let words = Choice.allCases.map(\.rawValue)
        let list = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        throw ParameterFailure(text: "parameter \(name): unknown value: \(text)", cure: "Set \(name) to \(list).")
    }
}
