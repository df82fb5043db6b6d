//===----------------------------------------------------------------------===//
// Quartermaster: where upstreams are
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import ServerSkeleton
import SystemCalls

/// An upstream: where to connect, what the log calls it, and when it was last complained of.
struct Destination {
    let address: NetworkAddress
    let name: String
    var complaint = RepeatedWarning()
}

/// Looks up the names in `relay_upstreams` while the process may wait and has not entered its jail, which may have no
/// resolver. A host with several addresses is as many upstreams, in the resolver's order.
struct Resolver {
    private let ports: PortTable
    private let log: ServiceLog

    init(_ context: borrowing ServiceContext) {
        var ignored: [ConfigProblem] = []
        // Mistakes in it are master's to tell.
        ports = PortTable(knownTCPPorts: context.settings.knownTCPPorts, problems: &ignored)
        log = context.log
    }

    /// Ends the process where a name has no address: a fresh one tries again.
    func destinations(_ names: [UpstreamName]) -> [Destination] {
        let found = names.flatMap(resolve)
        if found.count > UpstreamsParameter.mostUpstreams {
            let most = UpstreamsParameter.mostUpstreams
            log.fatal("relay_upstreams: \(found.count) addresses are too many (Name at most \(most).)")
        }
        return found
    }

    private func resolve(_ upstream: UpstreamName) -> [Destination] {
        switch upstream {
        case .unix(let path):
            guard let address = NetworkAddress(unixPath: path) else {
                log.fatal("relay_upstreams: unix:\(path): the path is too long (Give a shorter one.)")
            }
            return [Destination(address: address, name: "unix:\(path)")]
        case .inet(let host, let portName):
            let port = number(of: portName, host)
            let numeric = NumericAddress(host)
            do throws(NameError) {
                return try addresses(ofHost: numeric?.text ?? host, numericOnly: numeric != nil).map {
                    let address = NetworkAddress($0.withPort(port))
                    let name = numeric == nil ? "\(host)[\($0.hostText)]:\(port)" : address.description
                    return Destination(address: address, name: name)
                }
            } catch {
                log.fatal(
                    "relay_upstreams: \(host): \(error.reason)"
                        + " (Correct the name, or give an address; a fresh process tries again.)"
                )
            }
        }
    }

    private func number(of port: String, _ host: String) -> UInt16 {
        if let number = ports.number(of: port) ?? tcpPort(named: port) { return number }
        log.fatal("relay_upstreams: \(host):\(port): unknown port (Give its number, or add it to known_tcp_ports.)")
    }
}
