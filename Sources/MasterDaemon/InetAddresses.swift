//===----------------------------------------------------------------------===//
// Quartermaster: which addresses an inet service listens on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

/// Turns the name of an inet service into socket addresses: resolved, filtered to the usable families, sorted (all IPv4
/// before all IPv6), without duplicates. What hosts mean is in the name book, which at a reload never waits.
struct InetAddresses {
    /// Why there is no address; `text` stands behind `<path>: line <n>: ` when `isSyntax`, alone otherwise.
    struct Failure: Error {
        let text: String
        var isSyntax = true
        var cure: String
    }

    private let settings: MainSettings
    private let families: AddressFamilies
    /// Addresses of this machine's interfaces, for `inet_interfaces`.
    private let interfaces: [SocketAddress]
    private let names: NameBook

    init(
        settings: MainSettings,
        families: AddressFamilies,
        interfaces: [SocketAddress],
        names: NameBook = NameBook(.asking)
    ) {
        self.settings = settings
        self.families = families
        self.interfaces = interfaces
        self.names = names
    }

    /// The families of `inet_protocols` that the kernel has; a warning for each that it lacks.
    static func usableFamilies(_ wanted: AddressFamilies, problems: inout [ConfigProblem]) -> AddressFamilies {
        var usable = wanted
        for (family, bit, name) in [
            (SocketAddress.Family.ipv4, AddressFamilies.ipv4, "IPv4"), (.ipv6, .ipv6, "IPv6"),
        ] where wanted.contains(bit) {
            do throws(SystemError) {
                _ = try makeSocket(family, .stream)
            } catch {
                usable.remove(bit)
                let text = "inet_protocols: disabling \(name) name/address support: \(error.reason)"
                let cure = "Set inet_protocols to the protocols that this machine has."
                problems.append(ConfigProblem(.warning, text, cure: cure))
            }
        }
        return usable
    }

    func addresses(of name: InetName, ports: PortTable) throws(Failure) -> [SocketAddress] {
        let hosts = try hosts(of: name)
        guard let port = ports.number(of: name.port) else {
            let shown = "\(name.host ?? hosts.first?.hostText ?? ""):\(name.port)"
            throw Failure(
                text: "\(shown): Servname not supported for ai_socktype",
                isSyntax: false,
                cure: "Use a port number, or add the name to known_tcp_ports or /etc/services."
            )
        }
        return hosts.map { $0.withPort(port) }
    }

    /// Daemons of every kind refuse to start with addresses in `inet_interfaces` that this machine does not have, so
    /// the list has to be good even when no service here depends on it.
    func checkInterfaces() throws(Failure) {
        guard !["", "all"].contains(settings.inetInterfaces.lowercased()), !families.isEmpty else { return }
        _ = try configured()
    }

    private func hosts(of name: InetName) throws(Failure) -> [SocketAddress] {
        if let host = name.host { return try resolve(host) }
        if settings.inetInterfaces.lowercased() == "all" { return try wildcards() }
        return try configured()
    }

    private func resolve(_ host: String) throws(Failure) -> [SocketAddress] {
        let found = usable(names.addresses(ofHost: host))
        if found.isEmpty {
            throw Failure(
                text: "bad hostname or network address: \(host)",
                cure: "Use an address, or a name that resolves to one of the protocols in inet_protocols."
            )
        }
        return found
    }

    private func wildcards() throws(Failure) -> [SocketAddress] {
        var all: [SocketAddress] = []
        if families.contains(.ipv4) { all.append(SocketAddress(ipv4: [0, 0, 0, 0], port: 0)) }
        if families.contains(.ipv6) {
            all.append(SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: 0))
        }
        if all.isEmpty { throw noAddress }
        return all
    }

    private func configured() throws(Failure) -> [SocketAddress] {
        if settings.inetInterfaces.lowercased() == "loopback-only" {
            let loopback = usable(interfaces.filter { $0.isLoopback })
            if loopback.isEmpty { throw noAddress }
            return loopback
        }
        var found: [SocketAddress] = []
        for host in Tokens.list(settings.inetInterfaces) {
            let addresses = names.addresses(ofHost: host)
            if addresses.isEmpty {
                throw Failure(
                    text: "config variable inet_interfaces: host not found: \(host)",
                    isSyntax: false,
                    cure: "Use names that resolve, or addresses, in inet_interfaces."
                )
            }
            for address in usable(addresses) {
                guard interfaces.contains(where: { $0.hostBytes == address.hostBytes }) else {
                    throw Failure(
                        text: "parameter inet_interfaces: no local interface found for \(address.hostText)",
                        isSyntax: false,
                        cure: "Name only addresses of this machine in inet_interfaces."
                    )
                }
                found.append(address)
            }
        }
        if found.isEmpty { throw noAddress }
        return usable(found)
    }

    private var noAddress: Failure {
        Failure(
            text: "no valid IP address found: \(settings.inetInterfaces)",
            cure: "Give the service a host, or set inet_interfaces to all or to addresses of this machine."
        )
    }

    private func usable(_ addresses: [SocketAddress]) -> [SocketAddress] {
        var kept: [SocketAddress] = []
        for address in addresses.sorted() {
            let family = address.family == .ipv4 ? AddressFamilies.ipv4 : .ipv6
            if families.contains(family), !kept.contains(where: { $0.hostBytes == address.hostBytes }) {
                kept.append(address)
            }
        }
        return kept
    }
}
