//===----------------------------------------------------------------------===//
// Quartermaster: what makes two entries of master.cf the same service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// The name by which a service is recognised from one reading of master.cf to the next.
package struct ServiceIdentity: Hashable, Sendable {
    package let canonicalName: String
    package let type: Transport

    package init(canonicalName: String, type: Transport) {
        self.canonicalName = canonicalName
        self.type = type
    }
}

extension ServiceIdentity {
    /// For inet and udp the port as a number, behind `[host]:` if there is a host, or the name as written if the port
    /// is unknown; for others the path of the endpoint.
    package static func canonicalIdentity(of entry: ServiceEntry, ports: PortTable) -> ServiceIdentity {
        ServiceIdentity(canonicalName: canonicalName(of: entry, ports: ports), type: entry.type)
    }

    private static func canonicalName(of entry: ServiceEntry, ports: PortTable) -> String {
        if let path = entry.endpointPath { return path }
        guard let name = entry.inetName, let port = ports.number(of: name.port, for: entry.type) else {
            return entry.nameAsWritten
        }
        guard let host = name.host else { return String(port) }
        return "[\(name.address?.text ?? host)]:\(port)"
    }
}

extension MasterFile {
    /// Leaves the last of several entries for one service, at the place of the first.
    package static func withoutDuplicates(
        _ entries: [ServiceEntry],
        ports: PortTable,
        path: String,
        problems: inout [ConfigProblem]
    ) -> [ServiceEntry] {
        var kept: [ServiceEntry] = []
        var places: [ServiceIdentity: Int] = [:]
        for entry in entries {
            let identity = ServiceIdentity.canonicalIdentity(of: entry, ports: ports)
            guard let place = places[identity] else {
                places[identity] = kept.count
                kept.append(entry)
                continue
            }
            let earlier = kept[place]
            problems.append(
                .warning(
                    "duplicate master.cf entry for service \"\(earlier.nameAsWritten)\" (\(identity.canonicalName))"
                        + " -- using the last entry",
                    at: .line(entry.line, of: path),
                    cure: "Remove one of the entries; the earlier one is on line \(earlier.line)."
                )
            )
            kept[place] = entry
        }
        return kept
    }
}
