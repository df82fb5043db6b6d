//===----------------------------------------------------------------------===//
// Quartermaster: what the tests of master are made of
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import MasterProtocol
import SystemCalls
import Testing

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

/// A free port that no other program gets while this lives. Endpoints, which share their ports, can have it; nothing
/// listens.
final class HeldPort {
    let number: UInt16
    private let socket: Descriptor

    init() throws {
        let socket = try makeSocket(.ipv4, .stream)
        try socket.number.setOption(.reuseAddress, 1)
        try socket.number.setOption(.reusePort, 1)
        try socket.number.bind(to: SocketAddress(ipv4: [0, 0, 0, 0], port: 0))
        let name = try socket.number.name(ofPeer: false)
        number = try #require(name).port
        self.socket = socket
    }

    var onLoopback: SocketAddress { SocketAddress(ipv4: [127, 0, 0, 1], port: number) }
}

/// A plan as a line of master.cf with this endpoint gives it.
func plan(
    _ name: String,
    _ type: Transport,
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
