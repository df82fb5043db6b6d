//===----------------------------------------------------------------------===//
// Quartermaster: which addresses an inet or udp service listens on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import MasterProtocol
import SystemCalls

/// Turns the name of an inet or udp service into socket addresses: resolved, filtered to the usable families, sorted
/// (all IPv4 before all IPv6), without duplicates. What hosts mean is in the name book, which at a reload never waits.
struct InetAddresses {
    /// Why there is no address.
    struct Failure: Error {
        let text: String
        var cure: String
    }

    private let settings: MainSettings
    private let families: AddressFamilies
    /// Addresses of this machine's interfaces, for `inet_interfaces`, or why they are not known.
    private let interfaces: Result<[SocketAddress], SystemError>
    private let names: NameBook

    init(
        settings: MainSettings,
        families: AddressFamilies,
        interfaces: Result<[SocketAddress], SystemError>,
        names: NameBook = NameBook(.asking)
    ) {
        self.settings = settings
        self.families = families
        self.interfaces = interfaces
        self.names = names
    }

    /// The families of `inet_protocols` that the kernel has; a warning for each that it lacks. Whatever else keeps it
    /// from a socket passes, and no address is given up for it.
    static func usableFamilies(_ wanted: AddressFamilies, problems: inout [ConfigProblem]) -> AddressFamilies {
        var usable = wanted
        for (family, bit, name) in [
            (SocketAddress.Family.ipv4, AddressFamilies.ipv4, "IPv4"), (.ipv6, .ipv6, "IPv6"),
        ] where wanted.contains(bit) {
            do throws(SystemError) {
                _ = try makeSocket(family, .stream)
            } catch {
                guard [.addressFamilyNotSupported, .protocolNotSupported].contains(error.code) else {
                    let text = "inet_protocols: cannot tell whether this machine has \(name): \(error.reason)"
                    problems.append(.fatal(text, cure: shortageCure))
                    continue
                }
                usable.remove(bit)
                let text = "inet_protocols: disabling \(name) name/address support: \(error.reason)"
                let cure = "Set inet_protocols to the protocols that this machine has."
                problems.append(.warning(text, cure: cure))
            }
        }
        return usable
    }

    /// - Parameter written: the whole name of the service, for messages.
    func addresses(
        of name: InetName,
        written: String,
        type: Transport = .inet,
        ports: PortTable
    ) throws(Failure) -> [SocketAddress] {
        let hosts = try hosts(of: name, written)
        guard let port = ports.number(of: name.port, for: type) else {
            let shown = "\(name.host ?? hosts.first?.hostText ?? ""):\(name.port)"
            throw Failure(
                text: "\(shown): Servname not supported for ai_socktype",
                cure: name.port.utf8.allSatisfy { 0x30...0x39 ~= $0 }
                    ? "A port is a number from 1 to 65535."
                    : type == .udp
                        ? "Use a port number, or add the name to /etc/services, for udp."
                        : "Use a port number, or add the name to known_tcp_ports or /etc/services."
            )
        }
        return hosts.map { $0.withPort(port) }
    }

    /// Daemons of every kind refuse to start with addresses in `inet_interfaces` that this machine does not have, so
    /// the list has to be good even when no service here depends on it.
    ///
    /// - Parameter forPostfix: Postfix's daemons will read the list, and know `all` and `loopback-only` only as such.
    func checkInterfaces(forPostfix: Bool) throws(Failure) {
        let text = settings.inetInterfaces
        guard !text.isEmpty, !families.isEmpty else { return }
        let word = text.lowercased()
        if forPostfix, ["all", "loopback-only"].contains(word), text != word { throw hostNotFound(text) }
        if word != "all" { _ = try configured("inet_interfaces") }
    }

    private func hosts(of name: InetName, _ written: String) throws(Failure) -> [SocketAddress] {
        if let host = name.host { return try resolve(host, written) }
        if settings.inetInterfaces.lowercased() == "all" { return try wildcards(written) }
        return try configured(written)
    }

    private func resolve(_ host: String, _ written: String) throws(Failure) -> [SocketAddress] {
        let found = usable(lookUp(host, families), families)
        if found.isEmpty {
            throw Failure(
                text: "bad hostname or network address: \(written)",
                cure: "Use an address, or a name that resolves to one of the protocols in inet_protocols."
            )
        }
        return found
    }

    private func wildcards(_ written: String) throws(Failure) -> [SocketAddress] {
        var all: [SocketAddress] = []
        if families.contains(.ipv4) { all.append(SocketAddress(ipv4: [0, 0, 0, 0], port: 0)) }
        if families.contains(.ipv6) {
            all.append(SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: 0))
        }
        if all.isEmpty { throw noAddress(written) }
        return all
    }

    private func present() throws(Failure) -> [SocketAddress] {
        do throws(SystemError) {
            return try interfaces.get()
        } catch {
            throw Failure(
                text: "inet_interfaces: cannot tell which addresses this machine has: \(error.reason)",
                cure: error.isShortage
                    ? shortageCure
                    : "Let master ask the kernel (AF_NETLINK in RestrictAddressFamilies= of systemd),"
                        + " or set inet_interfaces to all."
            )
        }
    }

    private func configured(_ written: String) throws(Failure) -> [SocketAddress] {
        let interfaces = try present()
        if settings.inetInterfaces.lowercased() == "loopback-only" {
            let loopback = usable(interfaces.filter { $0.isLoopback }, families)
            if loopback.isEmpty { throw noAddress(written) }
            return loopback
        }
        var found: [SocketAddress] = []
        for item in Tokens.list(settings.inetInterfaces) {
            let addresses = lookUp(withoutBrackets(item), families)
            if addresses.isEmpty {
                throw hostNotFound(item)
            }
            for address in usable(addresses, families) {
                guard interfaces.contains(where: { $0.hostBytes == address.hostBytes }) else {
                    throw Failure(
                        text: "parameter inet_interfaces: no local interface found for \(address.hostText)",
                        cure: "Name only addresses of this machine in inet_interfaces."
                    )
                }
                found.append(address)
            }
        }
        if found.isEmpty { throw noAddress(written) }
        return usable(found, families)
    }

    /// `[::1]` and `[127.0.0.1]` stand for the addresses inside.
    private func withoutBrackets(_ host: String) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// With one family in use the resolver is asked for that: it knows how to turn some addresses of the other into it.
    private func lookUp(_ host: String, _ families: AddressFamilies) -> [SocketAddress] {
        names.addresses(ofHost: host, families == .ipv4 ? .ipv4 : families == .ipv6 ? .ipv6 : nil)
    }

    private func hostNotFound(_ host: String) -> Failure {
        Failure(
            text: "config variable inet_interfaces: host not found: \(host)",
            cure: "Use names that resolve, or addresses, of the protocols in inet_protocols; or all, or loopback-only."
        )
    }

    private func noAddress(_ written: String) -> Failure {
        Failure(
            text: "no valid IP address found: \(written)",
            cure: "Give the service a host, or set inet_interfaces to all or to addresses of this machine."
        )
    }

    private func usable(_ addresses: [SocketAddress], _ families: AddressFamilies) -> [SocketAddress] {
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
