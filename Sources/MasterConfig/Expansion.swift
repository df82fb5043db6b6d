//===----------------------------------------------------------------------===//
// Quartermaster: the expansion of  in parameter values
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Replaces every `$` reference of a value by what it refers to. Three bounds keep a hostile file from costing more
/// than a moment: the nesting of references, the size of the result, and the bytes looked at on the way (a value that
/// refers to itself twice, a hundred levels deep, would otherwise never end, however short its result).
package enum Expansion {
    package static let nestingLimit = 100
    package static let resultLimit = 1 << 20
    static let workLimit = 4 << 20

    /// The expanded text; nil, with a fatal problem, if a reference is malformed or a bound is reached.
    package static func expand(
        _ text: String,
        in dictionary: MainDictionary,
        problems: inout [ConfigProblem]
    ) -> String? {
        guard text.utf8.contains(ASCII.dollar) else { return text }
        var expander = Expander(dictionary: dictionary)
        do {
            try expander.expand(text.bytes, depth: 0)
            return expander.output[...].text
        } catch {
            problems.append(error.problem)
            return nil
        }
    }
}

/// Why an expansion stopped.
enum ExpansionStop: Error {
    /// What is wrong with the reference.
    case malformed(String)
    case resultTooLarge
    case tooMuchWork

    var problem: ConfigProblem {
        let tooMany = "Look for parameters whose values refer to each other many times."
        switch self {
        case .malformed(let what):
            return .fatal(
                "dictionary mail_dict: macro processing error: \(what)",
                cure: "Write references as $name or ${name}, and $$ for a dollar sign."
            )
        case .resultTooLarge:
            let limit = Expansion.resultLimit
            return .fatal("dictionary mail_dict: macro expansion is longer than \(limit) bytes", cure: tooMany)
        case .tooMuchWork:
            return .fatal("dictionary mail_dict: macro expansion takes too many steps", cure: tooMany)
        }
    }
}

/// One expansion under way.
struct Expander {
    let dictionary: MainDictionary
    var output = Bytes()
    private var work = 0

    init(dictionary: MainDictionary) {
        self.dictionary = dictionary
    }

    /// Appends the expansion of `text` to the output.
    mutating func expand(_ text: ArraySlice<UInt8>, depth: Int) throws(ExpansionStop) {
        work += text.count + 16
        guard work <= Expansion.workLimit else { throw .tooMuchWork }
        var rest = text
        while let byte = rest.first {
            if byte != ASCII.dollar {
                let literal = rest.prefix { $0 != ASCII.dollar }
                try append(literal)
                rest = rest[literal.endIndex...]
            } else if rest.dropFirst().first == ASCII.dollar {
                try append(rest.prefix(1))
                rest = rest.dropFirst(2)
            } else {
                rest = rest.dropFirst()
                let expression = try Self.expression(of: &rest, in: text)
                try evaluate(expression, depth: depth)
            }
        }
    }

    mutating func append(_ text: ArraySlice<UInt8>) throws(ExpansionStop) {
        guard output.count + text.count <= Expansion.resultLimit else { throw .resultTooLarge }
        output += text
    }

    /// The expansion of `text` by itself, not added to the output.
    mutating func separately(_ text: ArraySlice<UInt8>, depth: Int) throws(ExpansionStop) -> Bytes {
        var outer = Bytes()
        swap(&outer, &output)
        try expand(text, depth: depth)
        swap(&outer, &output)
        return outer
    }

    /// What stands behind a `$`: a plain name, or the inside of `{}` or `()`; brackets of the same kind nest.
    private static func expression(
        of rest: inout ArraySlice<UInt8>,
        in whole: ArraySlice<UInt8>
    ) throws(ExpansionStop) -> ArraySlice<UInt8> {
        let expression: ArraySlice<UInt8>
        switch rest.first {
        case ASCII.leftBrace?, ASCII.leftParenthesis?:
            let isBrace = rest.first == ASCII.leftBrace
            let close = isBrace ? ASCII.rightBrace : ASCII.rightParenthesis
            guard let length = Braces.length(of: rest, open: rest[rest.startIndex], close: close) else {
                throw .malformed("truncated macro reference: \"\(whole.text)\"")
            }
            expression = rest.prefix(length).dropFirst().dropLast()
            rest = rest.dropFirst(length)
        default:
            expression = rest.prefix(while: \.isNameByte)
            rest = rest[expression.endIndex...]
        }
        guard !expression.isEmpty else { throw .malformed("empty macro name: \"\(whole.text)\"") }
        return expression
    }
}
