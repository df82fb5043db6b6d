//===----------------------------------------------------------------------===//
// Quartermaster: what was read from the files, in words
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

extension Model {
    /// With `-v`: the settings that decide about all services, and what each line of master.cf came to.
    var notes: [String] {
        [
            "\(settings.mainPath): queue_directory = \(settings.queueDirectory),"
                + " inet_protocols = \(settings.inetProtocols), inet_interfaces = \(settings.inetInterfaces),"
                + " default_process_limit = \(settings.defaultProcessLimit)"
        ] + services.map { "\(settings.masterPath), \($0.note)" }
    }
}

extension ServicePlan {
    fileprivate var note: String {
        let place: String
        switch endpoint {
        case .inet(let addresses), .udp(let addresses):
            place = addresses.map { "\($0.hostText) port \($0.port)" }.joined(separator: ", ")
        case .path(let path, _): place = path
        }
        let limit = entry.processLimit == 0 ? "any number of processes" : "at most \(entry.processLimit) at a time"
        let wakeup = entry.wakeupSeconds > 0 ? ", woken up every \(entry.wakeupSeconds) s" : ""
        let clients = isLocalOnly ? "clients of this machine only" : "clients of any machine"
        return "line \(entry.line): service \(shown.name) (\(shown.canonical)) \(entry.type.rawValue) at \(place):"
            + " \(entry.executablePath), \(limit)\(wakeup), \(clients)"
    }
}
