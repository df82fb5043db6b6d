//===----------------------------------------------------------------------===//
// Quartermaster: from port names to port numbers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// Port numbers by name: those of `known_tcp_ports`, for TCP, then those of services(5), which the caller read.
package struct PortTable: Equatable, Sendable {
    private var known: [String: String] = [:]
    private var services: [String: UInt16] = [:]
    private var datagramServices: [String: UInt16] = [:]

    /// `knownTCPPorts` is a list of `name=number`, or `name=other=number` for several names of one port. A malformed
    /// item is left out with a warning.
    ///
    /// - Parameters:
    ///   - services: TCP ports.
    ///   - datagramServices: UDP ports.
    package init(
        knownTCPPorts: String = "",
        services: [String: UInt16] = [:],
        datagramServices: [String: UInt16] = [:],
        problems: inout [ConfigProblem]
    ) {
        self.services = services
        self.datagramServices = datagramServices
        for item in knownTCPPorts.bytes.split(separator: ASCII.comma) {
            if let failure = add(item) {
                problems.append(
                    .warning(
                        "known_tcp_ports: in \"\(item.text)\"\(failure)",
                        cure: "Write each item of known_tcp_ports as name=number, with commas between the items."
                    )
                )
            }
        }
    }

    /// The table of the built-in defaults, without services(5).
    package static var builtin: PortTable {
        var none: [ConfigProblem] = []
        return PortTable(knownTCPPorts: ParameterTable.knownTCPPorts.defaultText, problems: &none)
    }

    /// Takes the names of one item up to the first bad one; what is wrong with that, or nil.
    private mutating func add(_ item: ArraySlice<UInt8>) -> String? {
        var names = item.split(separator: ASCII.equals, omittingEmptySubsequences: false).map(\.trimmed)
        guard names.count > 1 else { return " is not in \"name = value\" form" }
        let port = names.removeLast()
        guard !port.isEmpty else { return ": missing port value after \"=\"" }
        guard !port.contains(where: \.isSpace) else { return ": whitespace in port number" }
        guard port.allSatisfy(\.isDigit) else { return ": non-numerical service port" }
        for name in names {
            guard !name.isEmpty else { return ": missing service name before \"=\"" }
            guard !name.contains(where: \.isSpace) else { return ": whitespace in service name" }
            guard !name.allSatisfy(\.isDigit) else { return ": numerical service name" }
            guard known[name.text] == nil else { return ": duplicate service name" }
            known[name.text] = port.text
        }
        return nil
    }

    /// The port number that a service name or number stands for; nil if it stands for none.
    package func number(of port: String, for type: Transport = .inet) -> UInt16? {
        if type == .udp { return port.isAllDigits ? UInt16(port) : datagramServices[port] }
        let text = known[port] ?? port
        if text.isAllDigits { return UInt16(text) }
        return services[text]
    }
}
