//===----------------------------------------------------------------------===//
// Quartermaster: the evaluated settings of main.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The values of main.cf that master, every skeleton and the library code use, evaluated and checked against their
/// bounds. Times are in seconds. It holds values only: whether a user exists or a directory is there is for others.
package struct MainSettings: Equatable, Sendable {
    package var mailVersion: String
    package var mailReleaseDate: String
    package var mailName: String
    package var compatibilityLevel: CompatibilityLevel

    package var configDirectory: String
    package var queueDirectory: String
    package var daemonDirectory: String
    package var commandDirectory: String
    package var dataDirectory: String
    package var shlibDirectory: String
    package var metaDirectory: String
    package var processIDDirectory: String

    package var mailOwner: String
    package var setgidGroup: String
    package var defaultPrivs: String

    package var defaultProcessLimit: Int
    package var serviceThrottleTime: Int
    package var masterServiceDisable: String
    /// 0: as many as there are processors.
    package var masterConcurrentStarts: Int
    /// Between two warnings that a service keeps clients waiting.
    package var masterWarningInterval: Int
    /// How long a reload waits for the names that it has to look up.
    package var masterNameLookupTimeLimit: Int
    /// Over how long a reload tells processes to leave; 0: at once.
    package var masterReloadSpread: Int
    /// Connections that may wait at a socket; 0 or less: as many as there may be processes.
    package var masterListenBacklog: Int
    /// Bytes for datagrams that wait at a udp socket; 0 or less: what the kernel gives.
    package var masterReceiveBuffer: Int
    /// Whether a reload may take every service away.
    package var masterAllowNoServices: Bool
    package var maxIdle: Int
    package var maxUse: Int
    package var ipcTimeout: Int
    package var ipcIdle: Int
    package var ipcTTL: Int
    package var daemonTimeout: Int
    package var triggerTimeout: Int
    package var applicationEventDrainTime: Int
    package var inFlowDelay: Int
    package var forkAttempts: Int
    package var forkDelay: Int
    package var debuggerCommand: String
    package var stress: String

    package var inetInterfaces: String
    package var inetProtocols: String
    package var addressFamilies: AddressFamilies
    package var proxyInterfaces: String
    package var knownTCPPorts: String
    package var tcpWindowSize: Int

    package var importEnvironment: String
    package var exportEnvironment: String

    package var syslogFacility: SyslogFacility
    package var syslogName: String
    package var maillogFile: String
    package var maillogFilePrefixes: [String]
    package var maillogFileCompressor: String
    package var maillogFileRotateSuffix: String
    package var maillogFilePermissions: UInt32
    package var postlogServiceName: String

    package var multiInstanceDirectories: String
    package var multiInstanceName: String
    package var multiInstanceGroup: String
    package var isMultiInstanceEnabled: Bool
    package var multiInstanceWrapper: String

    package var myHostName: String
    package var myDomain: String
    package var processName: String
    package var serviceName: String
}

extension MainSettings {
    package var mainPath: String { "\(configDirectory)/main.cf" }
    package var masterPath: String { "\(configDirectory)/master.cf" }
    /// Whether log lines go to the postlog service rather than to syslog.
    package var usesPostlog: Bool { !maillogFile.isEmpty }
    /// The postlog socket as children are told about it.
    package var postlogSocketPath: String { "\(queueDirectory)/public/\(postlogServiceName)" }
}

/// The address families that `inet_protocols` asks for; whether the kernel has them is for the caller to find out.
package struct AddressFamilies: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let ipv4 = AddressFamilies(rawValue: 1)
    package static let ipv6 = AddressFamilies(rawValue: 2)

    package static func parse(_ text: String) throws(ParameterFailure) -> AddressFamilies {
        var families: AddressFamilies = []
        for word in Tokens.list(text) {
            switch word {
            case "all": families.formUnion([.ipv4, .ipv6])
            case "ipv4": families.insert(.ipv4)
            case "ipv6": families.insert(.ipv6)
            default:
                throw ParameterFailure(
                    text: "unknown inet_protocols value \"\(word)\" in \"\(text)\"",
                    cure: "Set inet_protocols to all, ipv4, ipv6, or \"ipv4, ipv6\"."
                )
            }
        }
        return families
    }
}

/// The facility that log lines are filed under.
package enum SyslogFacility: String, CaseIterable, Sendable {
    case auth, authpriv, cron, daemon, ftp, kern, lpr, mail, news, security, syslog, user, uucp
    case local0, local1, local2, local3, local4, local5, local6, local7

    /// The number of syslog(3), already shifted to where a priority has it.
    package var code: Int32 {
        let number: Int32
        switch self {
        case .kern: number = 0
        case .user: number = 1
        case .mail: number = 2
        case .daemon: number = 3
        case .auth, .security: number = 4
        case .syslog: number = 5
        case .lpr: number = 6
        case .news: number = 7
        case .uucp: number = 8
        case .cron: number = 9
        case .authpriv: number = 10
        case .ftp: number = 11
        case .local0: number = 16
        case .local1: number = 17
        case .local2: number = 18
        case .local3: number = 19
        case .local4: number = 20
        case .local5: number = 21
        case .local6: number = 22
        case .local7: number = 23
        }
        return number << 3
    }
}
