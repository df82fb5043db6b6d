//===----------------------------------------------------------------------===//
// Quartermaster: configuration as plain text, one line per field
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol

/// A dump for golden files and fuzzers: stable order, every value quoted, so that a difference in a blank shows.
enum ConfigDump {
    /// Raw values by name.
    static func text(_ dictionary: MainDictionary) -> String {
        lines(dictionary.names.map { ($0, dictionary.lookup($0) ?? "") })
    }

    static func text(_ settings: MainSettings) -> String {
        lines(settings.fields)
    }

    /// The entries in order, an empty line between them. The argument vector is that of a detached, quiet master with
    /// one socket.
    static func text(_ entries: [ServiceEntry], ports: PortTable) -> String {
        entries.map { lines(fields(of: $0, ports: ports)) }.joined(separator: "\n")
    }

    static func text(_ problems: [ConfigProblem]) -> String {
        problems.map { "\($0.description)\n" }.joined()
    }

    private static func lines(_ fields: [(name: String, value: String)]) -> String {
        fields.map { "\($0.name) = \(quoted($0.value))\n" }.joined()
    }

    /// Backslash, quote and control bytes are escaped: a value is always one line.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                result += "\\x" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func fields(of entry: ServiceEntry, ports: PortTable) -> [(name: String, value: String)] {
        let vector = entry.argumentVector(
            isAttached: false,
            isVerbose: false,
            tellsStress: false,
            socketCount: 1
        )
        return [
            ("service", entry.nameAsWritten),
            ("line", String(entry.line)),
            ("type", entry.type.rawValue),
            ("canonical", ServiceIdentity.canonicalIdentity(of: entry, ports: ports).canonicalName),
            ("host", entry.inetName?.host ?? ""),
            ("port", entry.inetName?.port ?? ""),
            ("endpoint", entry.endpointPath ?? ""),
            ("private", entry.isPrivate ? "y" : "n"),
            ("unprivileged", entry.isUnprivileged ? "y" : "n"),
            ("chroot", entry.wantsChroot ? "y" : "n"),
            ("wakeup", "\(entry.wakeupSeconds)\(entry.wakeupIsConditional ? "?" : "")"),
            ("limit", String(entry.processLimit)),
            ("executable", entry.executablePath),
        ] + vector.arguments.enumerated().map { ("argv[\($0.offset)]", $0.element) }
    }
}

extension MainSettings {
    /// Every setting under the name it has in main.cf.
    fileprivate var fields: [(name: String, value: String)] {
        [
            ("mail_version", mailVersion),
            ("mail_release_date", mailReleaseDate),
            ("mail_name", mailName),
            ("compatibility_level", compatibilityLevel.description),
            ("config_directory", configDirectory),
            ("queue_directory", queueDirectory),
            ("daemon_directory", daemonDirectory),
            ("command_directory", commandDirectory),
            ("data_directory", dataDirectory),
            ("shlib_directory", shlibDirectory),
            ("meta_directory", metaDirectory),
            ("process_id_directory", processIDDirectory),
            ("mail_owner", mailOwner),
            ("setgid_group", setgidGroup),
            ("default_privs", defaultPrivs),
            ("default_process_limit", String(defaultProcessLimit)),
            ("service_throttle_time", String(serviceThrottleTime)),
            ("master_service_disable", masterServiceDisable),
            ("master_concurrent_starts", String(masterConcurrentStarts)),
            ("master_warning_interval", String(masterWarningInterval)),
            ("master_reload_spread", String(masterReloadSpread)),
            ("master_listen_backlog", String(masterListenBacklog)),
            ("master_receive_buffer", String(masterReceiveBuffer)),
            ("master_name_lookup_time_limit", String(masterNameLookupTimeLimit)),
            ("master_allow_no_services", masterAllowNoServices ? "yes" : "no"),
            ("max_idle", String(maxIdle)),
            ("max_use", String(maxUse)),
            ("ipc_timeout", String(ipcTimeout)),
            ("ipc_idle", String(ipcIdle)),
            ("ipc_ttl", String(ipcTTL)),
            ("daemon_timeout", String(daemonTimeout)),
            ("trigger_timeout", String(triggerTimeout)),
            ("application_event_drain_time", String(applicationEventDrainTime)),
            ("in_flow_delay", String(inFlowDelay)),
            ("fork_attempts", String(forkAttempts)),
            ("fork_delay", String(forkDelay)),
            ("debugger_command", debuggerCommand),
            ("stress", stress),
            ("inet_interfaces", inetInterfaces),
            ("inet_protocols", inetProtocols),
            ("proxy_interfaces", proxyInterfaces),
            ("known_tcp_ports", knownTCPPorts),
            ("tcp_windowsize", String(tcpWindowSize)),
            ("import_environment", importEnvironment),
            ("export_environment", exportEnvironment),
            ("syslog_facility", syslogFacility.rawValue),
            ("syslog_name", syslogName),
            ("maillog_file", maillogFile),
            ("maillog_file_prefixes", maillogFilePrefixes.joined(separator: ", ")),
            ("maillog_file_compressor", maillogFileCompressor),
            ("maillog_file_rotate_suffix", maillogFileRotateSuffix),
            ("maillog_file_permissions", "0" + String(maillogFilePermissions, radix: 8)),
            ("postlog_service_name", postlogServiceName),
            ("multi_instance_directories", multiInstanceDirectories),
            ("multi_instance_name", multiInstanceName),
            ("multi_instance_group", multiInstanceGroup),
            ("multi_instance_enable", isMultiInstanceEnabled ? "yes" : "no"),
            ("multi_instance_wrapper", multiInstanceWrapper),
            ("myhostname", myHostName),
            ("mydomain", myDomain),
            ("process_name", processName),
            ("service_name", serviceName),
        ]
    }
}
