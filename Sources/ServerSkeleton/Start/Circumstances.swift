//===----------------------------------------------------------------------===//
// Quartermaster: what a server found out at its start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterProtocol
import SystemCalls

/// What every skeleton needs to know of the start, whatever the service. Built once, and the same from then on.
struct Circumstances {
    /// Who started us, and what can be relied on therefore.
    enum Parent {
        /// Quartermaster's master: it looks at the queues, and tells idle processes to look, too.
        case ours
        /// Another master, Postfix's for one.
        case foreign
        /// None: one client on standard input and output (`-S`).
        case oneShot
    }

    let log: Log
    let serviceName: String
    let parent: Parent
    let generation: Generation
    /// Nil only for a one-shot server that was not told.
    let transport: Transport?
    let socketCount: Int
    /// Clients or datagrams; 0 is no limit.
    let useLimit: Int
    /// Seconds; 0 is no limit.
    let idleLimit: Int
    /// From the start on; nil for a service that does not retire.
    let retirementSeconds: Int?
    let ipcTimeoutMilliseconds: Int64
    /// 0: clients are served at once.
    let inFlowDelayMilliseconds: Int64
    /// See `ServiceContext`.
    let transferSize: Int?
    let unsentLimit: Int?
    let watchdogSeconds: Int
    let meters: ServiceMeters
    /// Of a server that a test moves.
    var conductor: TestConductor?

    /// The endpoints, in the order of their addresses.
    var endpoints: [DescriptorNumber] {
        if let conductor { return [conductor.endpoint] }
        return (0..<Int32(socketCount)).map { DescriptorNumber(InheritedDescriptor.firstListener + $0) }
    }

    var isOneShot: Bool { parent == .oneShot }

    /// Whether there is somebody to report to.
    var hasMaster: Bool { !isOneShot && conductor == nil }
}
