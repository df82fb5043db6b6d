//===----------------------------------------------------------------------===//
// Quartermaster: what a stream core takes over from the start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterProtocol

extension StreamCore {
    /// The part of a started server that does not depend on the service's type.
    struct Circumstances {
        let log: Log
        let serviceName: String
        let transport: Transport?
        let socketCount: Int
        let isOneShot: Bool
        let ipcTimeoutMilliseconds: Int64
        /// 0: clients are served at once.
        let inFlowDelayMilliseconds: Int64
        let ignoresPassAttributes: Bool
        let watchdogSeconds: Int
        let limits: UseAndIdleLimits
        let status: StatusReporter

        init<S: Service & ~Copyable>(_ started: borrowing StartedServer<S>, ignoresPassAttributes: Bool) {
            log = started.log
            serviceName = started.serviceName
            transport = started.transport
            socketCount = started.socketCount
            isOneShot = started.isOneShot
            ipcTimeoutMilliseconds = started.ipcTimeoutMilliseconds
            let delay = started.demands.contains(.inFlowDelay) ? started.settings.inFlowDelay : 0
            inFlowDelayMilliseconds = Int64(delay) * 1000
            self.ignoresPassAttributes = ignoresPassAttributes
            watchdogSeconds = started.watchdogSeconds
            limits = started.limits
            status = started.status
        }
    }
}
