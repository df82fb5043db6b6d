//===----------------------------------------------------------------------===//
// Quartermaster: what the tests of master are made of
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import SystemCalls

@testable import MasterDaemon

/// Settings as a main.cf with these lines gives them.
func settings(_ text: String = "") -> MainSettings {
    let host = HostFacts(hostName: "mx.example.com", configDirectory: "/c", processName: "master")
    var problems: [ConfigProblem] = []
    var dictionary = MainDictionary(
        parsing: "compatibility_level = 3.6\n" + text,
        path: "/c/main.cf",
        problems: &problems
    )
    return evaluateSettings(&dictionary, host: host).settings
}

/// A plan as a line of master.cf with this endpoint gives it.
func plan(
    _ name: String,
    _ type: ServiceType,
    _ endpoint: EndpointPlan,
    canonical: String? = nil,
    processLimit: Int = 100
) -> ServicePlan {
    ServicePlan(
        entry: ServiceEntry(
            nameAsWritten: name,
            type: type,
            processLimit: processLimit,
            command: "cmd",
            executablePath: "/d/cmd"
        ),
        identity: ServiceIdentity(canonicalName: canonical ?? "private/\(name)", type: type),
        endpoint: endpoint,
        backlog: 100
    )
}
