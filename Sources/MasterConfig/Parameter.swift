//===----------------------------------------------------------------------===//
// Quartermaster: typed parameters: name, default, bounds
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// A parameter of main.cf: how its text becomes a value. `MainDictionary.value(of:problems:)` evaluates one; a service
/// declares its own in the same way as the built-in ones.
package protocol ConfigParameter: Sendable {
    associatedtype Value: Sendable
    var name: String { get }
    /// May refer to other parameters.
    var defaultText: String { get }
    /// Whether `$name` is expanded.
    var isExpanded: Bool { get }
    /// What to go on with after a problem, so that one pass finds them all.
    var fallback: Value { get }
    func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> Value
}

extension ConfigParameter {
    package var isExpanded: Bool { true }
}

/// Why a text is no value of its parameter.
package struct ParameterFailure: Error, Equatable {
    package let text: String
    package let cure: String
}

/// Text, with a least and a greatest length in bytes; zero is no limit.
package struct StringParameter: ConfigParameter {
    package let name: String
    package let defaultText: String
    package let minimumLength: Int
    package let maximumLength: Int

    package init(_ name: String, default defaultText: String, minLength: Int = 0, maxLength: Int = 0) {
        self.name = name
        self.defaultText = defaultText
        minimumLength = minLength
        maximumLength = maxLength
    }

    package var fallback: String { "" }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> String {
        try checkLength(text, name: name, minimum: minimumLength, maximum: maximumLength)
        return text
    }
}

/// Text that is used as it stands, without expansion.
package struct RawParameter: ConfigParameter {
    private let string: StringParameter

    package init(_ name: String, default defaultText: String, minLength: Int = 0, maxLength: Int = 0) {
        string = StringParameter(name, default: defaultText, minLength: minLength, maxLength: maxLength)
    }

    package var name: String { string.name }
    package var defaultText: String { string.defaultText }
    package var isExpanded: Bool { false }
    package var fallback: String { string.fallback }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> String {
        try string.convert(text, in: dictionary)
    }
}

/// A whole number; a bound of zero is no bound.
package struct IntegerParameter: ConfigParameter {
    package let name: String
    package let defaultText: String
    package let minimum: Int
    package let maximum: Int

    package init(_ name: String, default value: Int, min: Int = 0, max: Int = 0) {
        self.init(name, default: String(value), min: min, max: max)
    }

    package init(_ name: String, default defaultText: String, min: Int = 0, max: Int = 0) {
        self.name = name
        self.defaultText = defaultText
        minimum = min
        maximum = max
    }

    package var fallback: Int { Int(defaultText) ?? minimum }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> Int {
        var rest = text.bytes
        guard let value = DecimalNumber.read(&rest), rest.isEmpty else {
            throw ParameterFailure(
                text: "bad numerical configuration: \(name) = \(text)",
                cure: "Set \(name) to a whole number."
            )
        }
        if minimum != 0 && value < minimum {
            throw outOfRange("\(value) < \(minimum)")
        }
        if maximum != 0 && value > maximum {
            throw outOfRange("\(value) > \(maximum)")
        }
        return value
    }

    private func outOfRange(_ what: String) -> ParameterFailure {
        ParameterFailure(
            text: "invalid \(name) parameter value \(what)",
            cure: "Set \(name) to a whole number" + boundsInWords(minimum, maximum) + "."
        )
    }
}

/// `yes` or `no`, in any case.
package struct BooleanParameter: ConfigParameter {
    package let name: String
    package let defaultText: String

    package init(_ name: String, default value: Bool) {
        self.init(name, default: value ? "yes" : "no")
    }

    package init(_ name: String, default defaultText: String) {
        self.name = name
        self.defaultText = defaultText
    }

    package var fallback: Bool { defaultText == "yes" }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> Bool {
        switch text.lowercasedASCII {
        case "yes": return true
        case "no": return false
        default:
            throw ParameterFailure(
                text: "bad boolean configuration: \(name) = \(text)",
                cure: "Set \(name) to yes or no."
            )
        }
    }
}

/// A time in seconds, written as a number and a unit; without one the unit of the default counts.
package struct TimeParameter: ConfigParameter {
    package let name: String
    package let defaultText: String
    package let minimum: Int
    package let maximum: Int

    package init(_ name: String, default defaultText: String, min: Int = 0, max: Int = 0) {
        self.name = name
        self.defaultText = defaultText
        minimum = min
        maximum = max
    }

    package var fallback: Int { Self.seconds(defaultText, defaultUnit: UInt8(ascii: "s")) ?? minimum }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> Int {
        guard let value = Self.seconds(text, defaultUnit: defaultUnit(in: dictionary)) else {
            throw ParameterFailure(
                text: "parameter \(name): bad time value or unit: \(text)",
                cure: "Set \(name) to a whole number followed by s, m, h, d or w."
            )
        }
        let cure = "Set \(name) to a time\(boundsInWords(minimum, maximum)) (in seconds)."
        if minimum != 0 && value < minimum {
            throw ParameterFailure(text: "invalid \(name): \(value) (min \(minimum))", cure: cure)
        }
        if maximum != 0 && value > maximum {
            throw ParameterFailure(text: "invalid \(name): \(value) (max \(maximum))", cure: cure)
        }
        return value
    }

    /// The first letter of the default.
    private func defaultUnit(in dictionary: MainDictionary) -> UInt8 {
        var ignored: [ConfigProblem] = []
        let text = Expansion.expand(defaultText, in: dictionary, problems: &ignored) ?? ""
        return text.utf8.first(where: \.isLetter) ?? UInt8(ascii: "s")
    }

    /// Only the first byte after the digits counts as the unit: `10seconds` is ten seconds.
    package static func seconds(_ text: String, defaultUnit: UInt8) -> Int? {
        var rest = text.bytes
        guard !rest.isEmpty else { return nil }
        // No digits at all read as zero, as strtol(3) has it.
        guard let number = DecimalNumber.read(&rest, orZero: true), number >= 0 else { return nil }
        let scale: Int
        switch rest.first ?? defaultUnit {
        case UInt8(ascii: "s"): scale = 1
        case UInt8(ascii: "m"): scale = 60
        case UInt8(ascii: "h"): scale = 3_600
        case UInt8(ascii: "d"): scale = 86_400
        case UInt8(ascii: "w"): scale = 604_800
        default: return nil
        }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: scale)
        return overflow || seconds > Int(Int32.max) ? nil : seconds
    }
}

/// Numbers of parameters: nil without digits, or when 32 bits cannot hold them.
enum DecimalNumber {
    static func read(_ rest: inout ArraySlice<UInt8>, orZero: Bool = false) -> Int? {
        let number = LeadingInteger(rest)
        if number.isTooLarge { return nil }
        guard number.hasDigits else { return orZero ? 0 : nil }
        rest = number.rest
        return number.value
    }
}

private func checkLength(_ text: String, name: String, minimum: Int, maximum: Int) throws(ParameterFailure) {
    let length = text.bytes.count
    if minimum != 0 && length < minimum {
        throw ParameterFailure(
            text: "bad string length \(length) < \(minimum): \(name) = \(text)",
            cure: "Give \(name) a value of at least \(minimum) byte\(minimum == 1 ? "" : "s"), or remove the line."
        )
    }
    if maximum != 0 && length > maximum {
        throw ParameterFailure(
            text: "bad string length \(length) > \(maximum): \(name) = \(text)",
            cure: "Give \(name) a value of at most \(maximum) byte\(maximum == 1 ? "" : "s")."
        )
    }
}

private func boundsInWords(_ minimum: Int, _ maximum: Int) -> String {
    switch (minimum != 0, maximum != 0) {
    case (true, true): return " from \(minimum) to \(maximum)"
    case (true, false): return " of at least \(minimum)"
    case (false, true): return " of at most \(maximum)"
    case (false, false): return ""
    }
}
