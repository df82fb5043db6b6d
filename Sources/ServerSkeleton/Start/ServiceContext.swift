//===----------------------------------------------------------------------===//
// Quartermaster: what a service is told at its start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig

/// The circumstances a service is started in, and the limits it may change. Lives for the time of the start hooks;
/// copy what is needed later.
public struct ServiceContext {
    /// The name in master.cf: `-n`, else the name of the program.
    public let serviceName: String
    /// Last part of the path the program was started with.
    public let processName: String
    /// What follows the options in master.cf. A service that has no use for them should refuse them.
    public let arguments: [String]
    /// Serving one client on stdin and stdout, without master (`-S`).
    public let isOneShot: Bool
    /// For messages; may be copied and kept.
    public let log: ServiceLog
    /// For figures of the service's own; may be kept.
    public let meters: ServiceMeters

    /// Requests (streams: connections; datagram services: datagrams) after which the process makes room for a fresh
    /// one; 0 for no limit. From `max_use`.
    public var useLimit: Int
    /// Seconds without a client after which the process ends; 0 for no limit. From `max_idle`.
    public var idleLimit: Int
    /// Seconds that a client may keep the service waiting, for the rest of a request or to receive its replies, before
    /// it is disconnected; at least 1. From `ipc_timeout`.
    public var clientTimeout: Int

    /// Bytes that an event service reads at once, and that may wait for one connection; nil: as its type says.
    package var transferSize: Int?
    /// Bytes that an event service leaves unsent with the kernel for one TCP connection; nil: as many as the kernel
    /// takes.
    package var unsentLimit: Int?

    package let settings: MainSettings
    var dictionary: MainDictionary
    /// Problems with parameters are collected here while there may be another main.cf to turn to; nil: the first fatal
    /// one ends the process.
    var collected: [ConfigProblem]?

    init(
        settings: MainSettings,
        dictionary: MainDictionary,
        serviceName: String,
        processName: String,
        arguments: [String],
        isOneShot: Bool,
        log: ServiceLog
    ) {
        self.settings = settings
        self.dictionary = dictionary
        self.serviceName = serviceName
        self.processName = processName
        self.arguments = arguments
        self.isOneShot = isOneShot
        self.log = log
        meters = ServiceMeters(log)
        useLimit = settings.maxUse
        idleLimit = settings.maxIdle
        clientTimeout = settings.ipcTimeout
    }

    /// The value of a parameter. A malformed or forbidden value is fatal.
    public mutating func value<Value>(of parameter: Parameter<Value>) -> Value {
        var problems: [ConfigProblem] = []
        let value = parameter.value(in: &dictionary, problems: &problems)
        if collected == nil { report(problems, log.log) } else { collected?.append(contentsOf: problems) }
        return value
    }

    /// Ends the process when master.cf gives arguments to a service that knows none.
    public func refuseArguments() {
        guard let first = arguments.first else { return }
        log.fatal("unexpected command-line argument: \(first) (Remove it from the service's line in master.cf.)")
    }

    /// `queue_directory`, where a process works.
    public var queueDirectory: String { settings.queueDirectory }
    /// `myhostname`.
    public var hostName: String { settings.myHostName }
}
