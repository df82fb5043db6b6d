//===----------------------------------------------------------------------===//
// Quartermaster: the evaluation of one $ expression: names, conditions, comparisons
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension Expander {
    /// What the part before `?` or `:` came to.
    private enum Subject {
        /// A parameter: its raw value, nil if it does not exist.
        case parameter(ArraySlice<UInt8>?)
        case comparison(Bool)

        /// The test looks at the raw value: a parameter set to `$empty` counts as not empty.
        var holds: Bool {
            switch self {
            case .parameter(let raw): return raw.map { !$0.isEmpty } ?? false
            case .comparison(let result): return result
            }
        }
    }

    /// Evaluates the inside of `${...}` and appends the result.
    mutating func evaluate(_ expression: ArraySlice<UInt8>, depth: Int) throws(ExpansionStop) {
        guard depth <= Expansion.nestingLimit else {
            throw .malformed("unreasonable macro call nesting: \"\(expression.text)\"")
        }
        var rest = expression
        let subject: Subject
        if Self.startsWithBrace(&rest) {
            subject = .comparison(try comparison(&rest, depth: depth))
            if let byte = rest.first, byte != ASCII.question, byte != ASCII.colon {
                throw .malformed("\"?\" or \":\" expected at: \"...}>>>\(rest.excerpt(20))\"")
            }
        } else {
            let name = try Self.name(&rest)
            subject = .parameter(dictionary.lookup(name.text)?.bytes)
        }
        guard let operation = rest.first else { return try appendResult(of: subject, depth: depth) }
        let choice = try Self.branches(operation, rest.dropFirst())
        if let chosen = subject.holds ? choice.ifTrue : choice.ifFalse {
            try expand(chosen, depth: depth + 1)
        }
    }

    private mutating func appendResult(of subject: Subject, depth: Int) throws(ExpansionStop) {
        switch subject {
        case .parameter(let raw?): try expand(raw, depth: depth + 1)
        case .comparison(true): try append("true".bytes)
        case .parameter(nil), .comparison(false): break
        }
    }

    /// A name and the blanks around it, up to the end or an operator.
    private static func name(_ rest: inout ArraySlice<UInt8>) throws(ExpansionStop) -> ArraySlice<UInt8> {
        let start = rest
        let name = rest.drop(while: \.isFieldBlank).prefix(while: \.isNameByte)
        rest = rest[name.endIndex...].drop(while: \.isFieldBlank)
        if let byte = rest.first, byte != ASCII.question, byte != ASCII.colon {
            throw .malformed(
                "attribute name syntax error at: \"...\(start[..<name.endIndex].text)>>>"
                    + "\(start[name.endIndex...].excerpt(20))\""
            )
        }
        return name
    }

    /// The texts behind `?` and `:`.
    private static func branches(
        _ operation: UInt8,
        _ text: ArraySlice<UInt8>
    ) throws(ExpansionStop) -> (ifTrue: ArraySlice<UInt8>?, ifFalse: ArraySlice<UInt8>?) {
        var rest = text
        guard operation == ASCII.question else { return (nil, try lastBranch(rest)) }
        guard startsWithBrace(&rest) else { return (rest, nil) }
        let ifTrue = try braced(&rest)
        guard let next = rest.first else { return (ifTrue, nil) }
        guard next == ASCII.colon else {
            throw .malformed("\":\" expected at: \"...\(ifTrue.text)}>>>\(rest.excerpt(20))\"")
        }
        return (ifTrue, try lastBranch(rest.dropFirst()))
    }

    private static func lastBranch(_ text: ArraySlice<UInt8>) throws(ExpansionStop) -> ArraySlice<UInt8> {
        var rest = text
        guard startsWithBrace(&rest) else { return rest }
        let branch = try braced(&rest)
        guard rest.isEmpty else {
            throw .malformed("unexpected input at: \"...\(branch.text)}>>>\(rest.excerpt(20))\"")
        }
        return branch
    }

    /// Skips blanks if a brace follows them; leaves them alone if not.
    private static func startsWithBrace(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let trimmed = rest.drop(while: \.isFieldBlank)
        guard trimmed.first == ASCII.leftBrace else { return false }
        rest = trimmed
        return true
    }

    /// The inside of a group with its blanks; the blanks behind the group are skipped.
    private static func braced(_ rest: inout ArraySlice<UInt8>) throws(ExpansionStop) -> ArraySlice<UInt8> {
        guard let length = Braces.length(of: rest) else {
            throw .malformed("unbalanced {} in attribute expression: \"\(rest.text)\"")
        }
        defer { rest = rest.dropFirst(length).drop(while: \.isFieldBlank) }
        return rest.prefix(length).dropFirst().dropLast()
    }
}

extension Expander {
    private enum Relation: String, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case less = "<"
        case greaterOrEqual = ">="
        case greater = ">"

        func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
            switch self {
            case .equal: return left == right
            case .notEqual: return left != right
            case .lessOrEqual: return left <= right
            case .less: return left < right
            case .greaterOrEqual: return left >= right
            case .greater: return left > right
            }
        }
    }

    private static let operatorBytes = "<>!=?+-*/~&|%".bytes

    /// `{left} op {right}`: operands are expanded, then compared.
    private mutating func comparison(_ rest: inout ArraySlice<UInt8>, depth: Int) throws(ExpansionStop) -> Bool {
        let left = try Self.braced(&rest)
        let operation = rest.prefix { Self.operatorBytes.contains($0) }
        guard let relation = Relation(rawValue: operation.text) else {
            // The odd quotes are part of the message.
            throw .malformed(
                "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: "
                    + "\"...\(left.text)}>>>\(rest.excerpt(20))\""
            )
        }
        let operatorAndSuffix = rest[..<rest[operation.endIndex...].prefix(while: \.isNameByte).endIndex]
        let suffix = operatorAndSuffix[operation.endIndex...].text
        rest = rest[operatorAndSuffix.endIndex...]
        guard suffix.isEmpty || suffix == "level" else {
            throw .malformed("bad operator suffix at: \"...\(operation.text)>>>\(suffix)\"")
        }
        guard Self.startsWithBrace(&rest) else {
            throw .malformed(
                "\"{expression}\" expected at: \"...{\(left.text)} \(operatorAndSuffix.text)>>>\(rest.excerpt(20))\""
            )
        }
        let right = try Self.braced(&rest)
        let leftValue = try separately(left, depth: depth + 1)
        let rightValue = try separately(right, depth: depth + 1)
        return try suffix.isEmpty
            ? Self.compare(leftValue, relation, rightValue) : Self.compareLevels(leftValue, relation, rightValue)
    }

    /// As numbers if both are all digits, else by byte order.
    private static func compare(_ left: Bytes, _ relation: Relation, _ right: Bytes) -> Bool {
        if !left.isEmpty, !right.isEmpty, left.allSatisfy(\.isDigit), right.allSatisfy(\.isDigit) {
            // Numbers of any length: without leading zeros the longer is the greater.
            let left = left.drop { $0 == ASCII.zero }
            let right = right.drop { $0 == ASCII.zero }
            if left.count != right.count { return relation.holds(left.count, right.count) }
            return relation.holds(ByteOrder(left), ByteOrder(right))
        }
        return relation.holds(ByteOrder(left[...]), ByteOrder(right[...]))
    }

    private static func compareLevels(
        _ left: Bytes,
        _ relation: Relation,
        _ right: Bytes
    ) throws(ExpansionStop) -> Bool {
        let levels = try [left, right].map { (operand) throws(ExpansionStop) -> CompatibilityLevel in
            guard let level = CompatibilityLevel(operand[...].text) else {
                throw .malformed(CompatibilityLevel.malformed(operand[...].text))
            }
            return level
        }
        return relation.holds(levels[0], levels[1])
    }
}

/// Bytes compared as `strcmp(3)` does.
private struct ByteOrder: Comparable {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    static func < (left: ByteOrder, right: ByteOrder) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}
