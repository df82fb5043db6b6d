//===----------------------------------------------------------------------===//
// Quartermaster: what stood in the way of an endpoint, and the cure
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

extension ServicePlan {
    func problem(_ failure: EndpointFailure, _ settings: MainSettings) -> ConfigProblem {
        .fatal(failure.text, at: .line(entry.line, of: settings.masterPath), cure: cure(of: failure, settings))
    }

    /// The smallest receive buffer, where it is smaller than was asked for.
    func shortBuffer(of sockets: [DescriptorNumber]) -> Int? {
        guard case .udp = endpoint, settings.receiveBuffer > 0 else { return nil }
        let least = sockets.compactMap { try? $0.option(.receiveBuffer) }.min().map { Int($0) / 2 } ?? 0
        return least < settings.receiveBuffer ? least : nil
    }

    /// The kernel gives less than was asked for.
    func problemOfBuffer(_ bytes: Int, _ settings: MainSettings) -> ConfigProblem {
        .warning(
            "service \(entry.nameAsWritten): its receive buffer is of \(bytes) bytes instead of"
                + " \(self.settings.receiveBuffer)",
            at: .line(entry.line, of: settings.masterPath),
            cure: "Raise net.core.rmem_max of sysctl(8), or start master as root."
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
