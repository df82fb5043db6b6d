//===----------------------------------------------------------------------===//
// Quartermaster: settings that only a restart can change
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig

/// The values at start of parameters that a running master cannot change, and what to say about a reload that tries.
struct FrozenSettings: Sendable {
    private let configDirectory: String
    private let queueDirectory: String
    private let inetProtocols: String
    /// The families that `inet_interfaces` stood for at start.
    let addressFamilies: AddressFamilies
    private let inetInterfaces: String

    init(_ settings: MainSettings) {
        configDirectory = settings.configDirectory
        queueDirectory = settings.queueDirectory
        inetProtocols = settings.inetProtocols
        addressFamilies = settings.addressFamilies
        inetInterfaces = settings.inetInterfaces
    }

    /// Puts the old values back where that matters, and warns about each that was changed.
    func restore(_ settings: inout MainSettings, problems: inout [ConfigProblem]) {
        for (name, old, new) in [
            ("config_directory", configDirectory, settings.configDirectory),
            ("queue_directory", queueDirectory, settings.queueDirectory),
            ("inet_protocols", inetProtocols, settings.inetProtocols),
        ] where old != new {
            problems.append(ConfigProblem(.warning, "ignoring \(name) parameter value change"))
            problems.append(ConfigProblem(.warning, "old value: \"\(old)\", new value: \"\(new)\""))
            problems.append(ConfigProblem(.warning, "to change \(name), stop and start Postfix"))
        }
        settings.configDirectory = configDirectory
        settings.queueDirectory = queueDirectory
    }

    /// `inet_interfaces` is warned about once for every inet service.
    func restoreInterfaces(
        _ settings: inout MainSettings,
        inetServices: [String],
        problems: inout [ConfigProblem]
    ) {
        guard settings.inetInterfaces != inetInterfaces else { return }
        settings.inetInterfaces = inetInterfaces
        for name in inetServices {
            problems.append(ConfigProblem(.warning, "service \(name): ignoring inet_interfaces change"))
            problems.append(ConfigProblem(.warning, "to change inet_interfaces, stop and start Postfix"))
        }
    }
}
