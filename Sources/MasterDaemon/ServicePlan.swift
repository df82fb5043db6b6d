//===----------------------------------------------------------------------===//
// Quartermaster: one service as it shall be
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

/// One service as the configuration wants it: its line in master.cf, with names resolved and defaults filled in. It
/// says what is to be made and never whether that exists.
struct ServicePlan: Equatable, Sendable {
    let entry: ServiceEntry
    let identity: ServiceIdentity
    let endpoint: EndpointPlan
    let backlog: Int
    /// What main.cf says about this service.
    var settings = ServiceSettings()

    var isLocalOnly: Bool {
        if let byType = entry.isLocalOnlyByType { return byType }
        guard case .inet(let addresses) = endpoint else { return true }
        return addresses.allSatisfy { $0.isLoopback }
    }

    /// What the policy has to know of all this.
    func rules(processors: Int) -> ServiceRules {
        ServiceRules(
            processLimit: Int32(clamping: entry.processLimit),
            throttleSeconds: Int32(clamping: settings.throttleSeconds),
            wakeupSeconds: Int32(clamping: entry.wakeupSeconds),
            isWakeupConditional: entry.wakeupIsConditional,
            isLocalOnly: isLocalOnly,
            concurrentStarts: Int32(clamping: settings.concurrentStarts > 0 ? settings.concurrentStarts : processors)
        )
    }

    /// The name that messages show: `"smtp" (25)` without the quotes and brackets.
    var shown: (name: String, canonical: String) { (entry.nameAsWritten, identity.canonicalName) }

    /// Whether a running service does what this plan wants already. Where it stands in master.cf does not count, nor do
    /// sockets, which a running service keeps.
    func asksForNothingNew(of running: ServicePlan) -> Bool {
        var entry = entry
        entry.line = running.entry.line
        return entry == running.entry && settings == running.settings
    }

    /// This plan on the sockets that another one of the same identity has.
    func keepingEndpoint(of running: ServicePlan) -> ServicePlan {
        ServicePlan(
            entry: entry,
            identity: identity,
            endpoint: running.endpoint,
            backlog: running.backlog,
            settings: settings
        )
    }
}

/// One configured endpoint to be made: what master.cf says, with addresses resolved.
enum EndpointPlan: Equatable, Sendable {
    case inet([SocketAddress])
    /// Path relative to the queue directory.
    case path(String, Transport)

    /// nil for inet, which leaves no file.
    var path: String? {
        if case .path(let path, _) = self { return path }
        return nil
    }

    /// Descriptors that it takes.
    var socketCount: Int {
        switch self {
        case .inet(let addresses): addresses.count
        case .path: 1
        }
    }
}

// What stood in the way of an endpoint, and the cure.
extension ServicePlan {
    func problem(_ failure: EndpointFailure, _ settings: MainSettings) -> ConfigProblem {
        ConfigProblem(
            .fatal,
            failure.text,
            file: settings.masterPath,
            line: entry.line,
            cure: cure(of: failure, settings)
        )
    }

    private func cure(of failure: EndpointFailure, _ settings: MainSettings) -> String {
        let place = "line \(entry.line) of master.cf"
        switch failure.code {
        case .tooManyOpenFiles?:
            return "Raise the limit of open files, for example with \"ulimit -n\" or LimitNOFILE= of systemd."
        case .tooManyOpenFilesInSystem?, .noMemory?, .noBufferSpace?:
            return "The machine is short of memory or files: try again when it is not."
        case .permissionDenied?, .notPermitted?:
            if entry.endpointPath == nil {
                return
                    "Ports below 1024 need root: start master as root, or give the service on \(place) a higher port."
            }
        case .addressNotAvailable?:
            return "No interface of this machine has the address: correct it on \(place), or in inet_interfaces."
        case .addressInUse?:
            let user = " If a running master has it, ask as the user who runs that: ports are shared within a user."
            return "Stop whatever uses the port, or give the service on \(place) another."
                + (Identity.effectiveUser == 0 ? "" : user)
        case .fileNameTooLong?:
            return "Shorten the name of the service on \(place)."
        default: break
        }
        if entry.endpointPath == nil { return "The service is on \(place)." }
        return "Check that the directory exists in the queue directory and belongs to \(settings.mailOwner);"
            + " the service is on \(place)."
    }
}
