//===----------------------------------------------------------------------===//
// Quartermaster: what a service manager has put into our environment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Where a service manager wants to hear from us, how often, and which descriptors it has opened for us. Read once, at
/// the very start; then the names are gone from the environment, so that no child takes them for its own.
struct ServiceManagerOffer: Equatable, Sendable {
    /// The names of sd_notify(3) and sd_listen_fds(3).
    enum Name: String, CaseIterable {
        case notifySocket = "NOTIFY_SOCKET"
        case watchdogMicroseconds = "WATCHDOG_USEC"
        case watchdogPID = "WATCHDOG_PID"
        case descriptorCount = "LISTEN_FDS"
        case descriptorPID = "LISTEN_PID"
        case descriptorPIDFileID = "LISTEN_PIDFDID"
        case descriptorNames = "LISTEN_FDNAMES"
    }

    /// The first descriptor that a service manager hands over.
    static let firstDescriptor: Int32 = 3
    /// More would be a mistake: a service manager's own limit is far below.
    private static let mostDescriptors = 65_536

    /// nil: nobody wants to hear from us.
    private(set) var address: SocketAddress?
    /// How often to say that we live: half of what the manager allows; nil: it does not ask.
    private(set) var keepAliveMilliseconds: Int64?
    private(set) var descriptorCount = 0
    /// Names of the descriptors in their order; empty where there are none.
    private(set) var descriptorNames: [String] = []
    /// The words of who wants to hear from us.
    private var told: [Name: String] = [:]
    /// What is wrong with the environment, for the log that does not exist yet.
    private(set) var problems: [String] = []

    /// - Parameters:
    ///   - pid: of this process: descriptors and watchdog may be meant for another one.
    ///   - value: of a name in the environment.
    init(pid: Int32, _ value: (Name) -> String?) {
        readAddress(value(.notifySocket))
        if address != nil {
            for name in [Name.notifySocket, .watchdogMicroseconds, .watchdogPID] { told[name] = value(name) }
        }
        if address != nil, value(.watchdogPID).map({ $0 == String(pid) }) ?? true {
            readWatchdog(value(.watchdogMicroseconds))
        }
        if value(.descriptorPID) == String(pid) {
            readDescriptors(value(.descriptorCount), names: value(.descriptorNames))
        }
    }

    /// From this process's environment, where none of it is left.
    static func receive() -> ServiceManagerOffer {
        let offer = ServiceManagerOffer(pid: processID()) { environmentValue($0.rawValue) }
        withdraw()
        return offer
    }

    static func withdraw() { for name in Name.allCases { removeEnvironment(name.rawValue) } }

    /// For the next program in this process: who wants to hear from us, as the manager has said it. Its sockets are
    /// known.
    func announce() {
        for name in [Name.notifySocket, .watchdogMicroseconds, .watchdogPID] {
            if let value = told[name] { setEnvironment(name.rawValue, value) }
        }
    }

    private mutating func readAddress(_ text: String?) {
        guard let text, !text.isEmpty else { return }
        if text.hasPrefix("/") { address = SocketAddress(unixPath: text) }
        if text.hasPrefix("@") { address = SocketAddress(abstractName: String(text.dropFirst())) }
        if address == nil {
            problems.append(
                "NOTIFY_SOCKET: \(text) is no address of a UNIX-domain socket: the service manager is not told"
            )
        }
    }

    private mutating func readWatchdog(_ text: String?) {
        guard let text else { return }
        guard let microseconds = Int64(text), microseconds > 0 else {
            return problems.append(
                "WATCHDOG_USEC: bad number: \(text): the service manager is not told that master lives"
            )
        }
        keepAliveMilliseconds = max(microseconds / 2000, 1)
    }

    private mutating func readDescriptors(_ count: String?, names: String?) {
        guard let count else { return }
        guard let number = Int(count), (0...Self.mostDescriptors).contains(number) else {
            return problems.append("LISTEN_FDS: bad number: \(count): descriptors from 3 on are closed")
        }
        descriptorCount = number
        guard let names, number > 0 else { return }
        let list = names.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        if list.count == number {
            descriptorNames = list
        } else {
            problems.append("LISTEN_FDNAMES: \(list.count) names for \(number) descriptors: only addresses count")
        }
    }
}
