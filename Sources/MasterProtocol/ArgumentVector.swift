//===----------------------------------------------------------------------===//
// Quartermaster: the command line of a child as master writes it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What a child is started with: `argv[0]`, the options, and the arguments of its line in master.cf, which follow the
/// options and therefore win over them. `DaemonOptions` reads it.
package struct ArgumentVector: Equatable, Sendable {
    package let arguments: [String]
    /// The same for a child that starts while its service is under stress.
    package let underStress: [String]

    /// The options come in the order that Postfix's children get them in. Those that master does not send have their
    /// places at the end.
    package init(command: String, _ options: DaemonOptions) {
        var vector = [command]
        if options.isAlone { vector.append("-l") }
        if options.isUnlimited { vector.append("-z") }
        if let name = options.serviceName { vector += ["-n", name] }
        if let transport = options.transportName { vector += ["-t", transport] }
        if options.isForeground { vector.append("-d") }
        vector += Array(repeating: "-v", count: options.verbosity)
        if options.isUnprivileged { vector.append("-u") }
        if options.isChroot { vector.append("-c") }
        if options.isDebugged { vector.append("-D") }
        if options.isOneShot { vector.append("-S") }
        if options.logsToStandardError { vector.append("-V") }
        var stressed = vector
        for override in options.overrides {
            vector += override.option
            stressed += override == .calm ? DaemonOptions.Override.stressed.option : override.option
        }
        let rest = (options.socketCount > 1 ? ["-s", String(options.socketCount)] : []) + options.arguments
        arguments = vector + rest
        underStress = stressed + rest
    }
}

extension DaemonOptions.Override {
    /// What a child is told whose service could be under stress and is not.
    package static var calm: Self { .parameter(name: "stress", value: "") }
    /// What it is told when it is.
    package static var stressed: Self { .parameter(name: "stress", value: "yes") }

    fileprivate var option: [String] {
        switch self {
        case .idleTime(let value): ["-i", value]
        case .useLimit(let value): ["-m", value]
        case .parameter(let name, let value): ["-o", "\(name)=\(value)"]
        }
    }
}
