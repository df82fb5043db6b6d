//===----------------------------------------------------------------------===//
// Quartermaster: sockets that a process has shut down
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

// All processes of a service have its sockets, and so has master: one that calls shutdown(2) on one does so for all of
// them. Clients are refused from then on, and a socket of the file system can never be opened again. The kernel tells
// it as a socket that is readable, so master asks where that surprises: before it starts a process, and when a look has
// seen clients. While a service is at its limit, or may have one process only, there is no look, and it is noticed at a
// reload.
//
// Who is in the queue of such a socket would wait there for as long as any process has it, which may be busy for hours.
// They cannot be handed on, so they are disconnected.
extension Master {
    /// Makes other sockets if one of them was shut down; whether one was.
    @discardableResult
    func replaceIfShut(_ id: ServiceID) -> Bool {
        // One that is refusing gets its sockets when it is opened again, and looks then.
        guard let service = service(id), !service.isRefusing, service.plan.entry.type != .fifo,
            service.staying.contains(where: { (try? $0.isShutDown()) == true })
        else { return false }
        if service.isAdopted {
            service.say(.shutSocket, log, now) {
                "service \(service.name): a process has shut its socket down, so clients are refused -- the service"
                    + " manager has opened it, and has to open another one: restart its socket unit"
            }
            return false
        }
        service.say(.shutSocket, log, now) {
            "service \(service.name): a process has shut its socket down, so clients were refused -- making another one;"
                + " its processes leave"
        }
        do throws(EndpointFailure) {
            for number in service.staying { disconnectWaiting(number) }
            try replaceListeners(service)
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): cannot make another socket: \(error.text) -- trying again"
            }
            // The old one is readable all the time.
            for watch in service.endpointWatches { loop.stop(watch) }
            policy.watchFailed(id, now: now)
        }
        return true
    }

    /// Nobody comes any more where this is called for; the kernel has no queue longer than this.
    private func disconnectWaiting(_ number: DescriptorNumber) {
        guard (try? number.isShutDown()) == true else { return }
        for _ in 0...Int(UInt16.max) {
            guard case .client? = try? number.accept() else { return }
        }
    }
}
