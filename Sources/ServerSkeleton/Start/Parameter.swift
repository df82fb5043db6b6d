//===----------------------------------------------------------------------===//
// Quartermaster: typed parameters of main.cf, declared by a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig

/// A parameter of main.cf, whatever its type: something to list in `Service.parameters`.
public protocol ServiceParameter: Sendable {
    /// The name in main.cf.
    var name: String { get }
    /// Checks the value, and makes the default known to other parameters that refer to it.
    func check(in context: inout ServiceContext)
}

/// One parameter of main.cf with its type, default and bounds; declared once, as a static constant of the service, and
/// read with `ServiceContext.value(of:)`. Values come from the built-in default, main.cf, or `-o name=value`, in order
/// of strength, and may refer to other parameters as `$name`. A bound of 0 is no bound.
public struct Parameter<Value: Sendable>: ServiceParameter {
    public let name: String
    private let read: @Sendable (inout MainDictionary, inout [ConfigProblem]) -> Value

    /// One that is declared where `master` sees it, too.
    package init<P: ConfigParameter>(_ parameter: P) where P.Value == Value {
        name = parameter.name
        read = { dictionary, problems in dictionary.value(of: parameter, problems: &problems) }
    }

    func value(in dictionary: inout MainDictionary, problems: inout [ConfigProblem]) -> Value {
        read(&dictionary, &problems)
    }

    public func check(in context: inout ServiceContext) { _ = context.value(of: self) }
}

extension Parameter where Value == Int {
    /// A time in seconds, written as a number and one of the letters `s`, `m`, `h`, `d`, `w`; without a letter the unit
    /// of the default counts.
    public static func time(_ name: String, default text: String, min: Int = 0, max: Int = 0) -> Parameter<Int> {
        Parameter(TimeParameter(name, default: text, min: min, max: max))
    }

    /// A whole number.
    public static func integer(_ name: String, default value: Int, min: Int = 0, max: Int = 0) -> Parameter<Int> {
        Parameter(IntegerParameter(name, default: value, min: min, max: max))
    }
}

extension Parameter where Value == Bool {
    /// `yes` or `no`.
    public static func boolean(_ name: String, default value: Bool) -> Parameter<Bool> {
        Parameter(BooleanParameter(name, default: value))
    }
}

extension Parameter where Value == String {
    /// Text with its `$name` references replaced; lengths are in bytes.
    public static func string(
        _ name: String,
        default text: String,
        minLength: Int = 0,
        maxLength: Int = 0
    ) -> Parameter<String> {
        Parameter(StringParameter(name, default: text, minLength: minLength, maxLength: maxLength))
    }

    /// Text as it stands.
    public static func raw(
        _ name: String,
        default text: String,
        minLength: Int = 0,
        maxLength: Int = 0
    ) -> Parameter<String> {
        Parameter(RawParameter(name, default: text, minLength: minLength, maxLength: maxLength))
    }
}
