//===----------------------------------------------------------------------===//
// Quartermaster: what main.cf says about one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import MasterProtocol

/// What main.cf says about one service beyond its line in master.cf.
///
/// Each setting has a general parameter. The same name behind `<service>_`, or behind `<service>_<type>_` where
/// services of two types share a name, is for that service alone; the more exact name wins. A value that is none is a
/// warning, and the next more general one counts: these are names of ours, and Postfix's master would start with them.
package struct ServiceSettings: Equatable, Sendable {
    /// `service_throttle_time`: how long nothing is started after a failed start.
    package var throttleSeconds = 60
    /// `master_concurrent_starts`: processes that may be starting at a time; 0 or less for as many as processors.
    package var concurrentStarts = 0
    /// `master_warning_interval`: shortest time between two warnings of a kind that clients are kept waiting.
    package var warningSeconds = 1000
    /// `master_listen_backlog`: connections that may wait; 0 or less for as many as there may be processes.
    package var listenBacklog = 0
    /// `master_receive_buffer`: bytes for datagrams that wait at a udp socket; 0 or less for what the kernel gives.
    package var receiveBuffer = 0

    package init() {}

    /// - Parameter general: what counts for every service.
    package init(
        of entry: ServiceEntry,
        in dictionary: MainDictionary,
        general: MainSettings,
        problems: inout [ConfigProblem]
    ) {
        var reader = Reader(entry: entry, dictionary: dictionary)
        throttleSeconds =
            reader.value("service_throttle_time") { TimeParameter($0, default: "60s", min: 1) }
            ?? general.serviceThrottleTime
        concurrentStarts =
            reader.value("master_concurrent_starts") { IntegerParameter($0, default: 0) }
            ?? general.masterConcurrentStarts
        warningSeconds =
            reader.value("master_warning_interval") { TimeParameter($0, default: "1000s", min: 1) }
            ?? general.masterWarningInterval
        listenBacklog =
            reader.value("master_listen_backlog") { IntegerParameter($0, default: 0, max: 65_535) }
            ?? general.masterListenBacklog
        receiveBuffer =
            reader.value("master_receive_buffer") { IntegerParameter($0, default: 0, max: 1_073_741_823) }
            ?? general.masterReceiveBuffer
        problems += reader.problems
    }

    /// The general parameters that a service may have of its own.
    package static let parameterNames = [
        "service_throttle_time", "master_concurrent_starts", "master_warning_interval", "master_listen_backlog",
        "master_receive_buffer",
    ]

    /// Whether what follows `<service>_` in a name of main.cf makes it a setting of that service.
    package static func isSetting(_ rest: String) -> Bool {
        parameterNames.contains { name in
            rest == name || Transport.allCases.contains { rest == "\($0.rawValue)_\(name)" }
        }
    }

    /// Whether it is a letter or two away from being one.
    static func isNearly(_ rest: String) -> Bool {
        if isSetting(rest) { return false }
        let forms =
            [rest]
            + Transport.allCases.compactMap { type in
                rest.hasPrefix("\(type.rawValue)_") ? String(rest.dropFirst(type.rawValue.count + 1)) : nil
            }
        return forms.contains { form in
            parameterNames.contains { EditDistance.between(form, $0, atMost: 2) != nil }
        }
    }

    /// The names for one service, the most exact one first.
    package static func names(of parameter: String, for entry: ServiceEntry) -> [String] {
        ["\(entry.nameAsWritten)_\(entry.type.rawValue)_\(parameter)", "\(entry.nameAsWritten)_\(parameter)"]
    }

    private struct Reader {
        let entry: ServiceEntry
        var dictionary: MainDictionary
        var problems: [ConfigProblem] = []

        /// nil when the service has no good value of its own.
        mutating func value<P: ConfigParameter>(_ name: String, _ parameter: (String) -> P) -> P.Value? {
            for own in ServiceSettings.names(of: name, for: entry) where dictionary.lookup(own) != nil {
                var found: [ConfigProblem] = []
                let value = dictionary.value(of: parameter(own), problems: &found)
                problems += found.map { $0.asWarning(adding: " -- ignored") }
                if !found.hasFatal { return value }
            }
            return nil
        }
    }
}
