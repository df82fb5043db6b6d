//===----------------------------------------------------------------------===//
// Quartermaster: the built-in parameters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Every parameter that master, the skeletons, the library code or the scripts read, declared once. Directories take
/// their defaults from the package (`BuiltinDefaults`).
package struct ParameterTable: Sendable {
    package let defaults: BuiltinDefaults

    package init(_ defaults: BuiltinDefaults = .debian) {
        self.defaults = defaults
    }

    // Version and identity of the installation.
    var mailVersion: StringParameter { .init("mail_version", default: defaults.mailVersion, minLength: 1) }
    var mailReleaseDate: StringParameter { .init("mail_release_date", default: defaults.mailReleaseDate, minLength: 1) }
    static let mailName = StringParameter("mail_name", default: "Postfix", minLength: 1)
    static let compatibilityLevel = StringParameter("compatibility_level", default: "0")

    // Directories.
    var queueDirectory: StringParameter { .init("queue_directory", default: defaults.queueDirectory, minLength: 1) }
    var daemonDirectory: StringParameter { .init("daemon_directory", default: defaults.daemonDirectory, minLength: 1) }
    var commandDirectory: StringParameter {
        .init("command_directory", default: defaults.commandDirectory, minLength: 1)
    }
    var dataDirectory: StringParameter { .init("data_directory", default: defaults.dataDirectory, minLength: 1) }
    var shlibDirectory: StringParameter { .init("shlib_directory", default: defaults.shlibDirectory, minLength: 1) }
    var metaDirectory: StringParameter { .init("meta_directory", default: defaults.metaDirectory, minLength: 1) }
    static let processIDDirectory = StringParameter("process_id_directory", default: "pid", minLength: 1)

    // Accounts.
    static let mailOwner = StringParameter("mail_owner", default: "postfix", minLength: 1)
    static let setgidGroup = StringParameter("setgid_group", default: "postdrop", minLength: 1)
    static let defaultPrivs = StringParameter("default_privs", default: "nobody", minLength: 1)

    // Processes.
    static let defaultProcessLimit = IntegerParameter("default_process_limit", default: 100, min: 1)
    static let serviceThrottleTime = TimeParameter("service_throttle_time", default: "60s", min: 1)
    static let masterServiceDisable = StringParameter("master_service_disable", default: "")
    static let masterConcurrentStarts = IntegerParameter("master_concurrent_starts", default: 0)
    static let masterWarningInterval = TimeParameter("master_warning_interval", default: "1000s", min: 1)
    static let masterNameLookupTimeLimit = TimeParameter("master_name_lookup_time_limit", default: "30s", min: 1)
    static let masterReloadSpread = TimeParameter("master_reload_spread", default: "0s", max: 86_400)
    static let masterListenBacklog = IntegerParameter("master_listen_backlog", default: 0, max: 65_535)
    static let masterReceiveBuffer = IntegerParameter("master_receive_buffer", default: 0, max: 1_073_741_823)
    static let masterAllowNoServices = BooleanParameter("master_allow_no_services", default: false)
    static let maxIdle = TimeParameter("max_idle", default: "100s", min: 1)
    static let maxUse = IntegerParameter("max_use", default: 100, min: 1)
    static let ipcTimeout = TimeParameter("ipc_timeout", default: "3600s", min: 1)
    static let ipcIdle = TimeParameter("ipc_idle", default: "5s", min: 1)
    static let ipcTTL = TimeParameter("ipc_ttl", default: "1000s", min: 1)
    static let daemonTimeout = TimeParameter("daemon_timeout", default: "18000s", min: 1)
    static let triggerTimeout = TimeParameter("trigger_timeout", default: "10s", min: 1)
    static let applicationEventDrainTime = TimeParameter("application_event_drain_time", default: "100s", min: 1)
    static let inFlowDelay = TimeParameter("in_flow_delay", default: "1s", max: 10)
    static let forkAttempts = IntegerParameter("fork_attempts", default: 5, min: 1)
    static let forkDelay = TimeParameter("fork_delay", default: "1s", min: 1)
    static let debuggerCommand = StringParameter("debugger_command", default: "")
    static let stress = StringParameter("stress", default: "")

    // Network.
    static let inetInterfaces = StringParameter("inet_interfaces", default: "all")
    static let inetProtocols = StringParameter("inet_protocols", default: "all")
    static let proxyInterfaces = StringParameter("proxy_interfaces", default: "")
    static let knownTCPPorts = StringParameter(
        "known_tcp_ports",
        default: "lmtp=24, smtp=25, smtps=submissions=465, submission=587"
    )
    static let tcpWindowSize = IntegerParameter("tcp_windowsize", default: 0)

    // Environment.
    static let importEnvironment = StringParameter(
        "import_environment",
        default: "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"
    )
    static let exportEnvironment = StringParameter("export_environment", default: "TZ MAIL_CONFIG LANG")

    // Logging.
    static let syslogFacility = StringParameter("syslog_facility", default: "mail", minLength: 1)
    static let syslogName = StringParameter(
        "syslog_name",
        default: "${multi_instance_name?{$multi_instance_name}:{postfix}}",
        minLength: 1
    )
    static let maillogFile = StringParameter("maillog_file", default: "")
    static let maillogFilePrefixes = StringParameter(
        "maillog_file_prefixes",
        default: "/var, /dev/stdout",
        minLength: 1
    )
    static let maillogFileCompressor = StringParameter("maillog_file_compressor", default: "gzip", minLength: 1)
    static let maillogFileRotateSuffix = StringParameter(
        "maillog_file_rotate_suffix",
        default: "%Y%m%d-%H%M%S",
        minLength: 1
    )
    static let maillogFilePermissions = StringParameter("maillog_file_permissions", default: "0600")
    static let postlogServiceName = StringParameter("postlog_service_name", default: "postlog", minLength: 1)

    // Several installations on one machine.
    static let multiInstanceDirectories = StringParameter("multi_instance_directories", default: "")
    static let multiInstanceName = StringParameter("multi_instance_name", default: "")
    static let multiInstanceGroup = StringParameter("multi_instance_group", default: "")
    static let multiInstanceEnable = BooleanParameter("multi_instance_enable", default: false)
    static let multiInstanceWrapper = StringParameter("multi_instance_wrapper", default: "")

    // Read by one daemon each, which evaluates them itself; here so that `$name` finds their defaults.
    package static let postlogdWatchdogTimeout = TimeParameter("postlogd_watchdog_timeout", default: "10s", min: 10)
    package static let anvilRateTimeUnit = TimeParameter("anvil_rate_time_unit", default: "60s", min: 1)
    package static let anvilStatusUpdateTime = TimeParameter("anvil_status_update_time", default: "600s", min: 1)
    package static let qmgrDaemonTimeout = TimeParameter("qmgr_daemon_timeout", default: "1000s", min: 1)
    static let ofSingleDaemons: [any ConfigParameter] = [
        postlogdWatchdogTimeout, anvilRateTimeUnit, anvilStatusUpdateTime, qmgrDaemonTimeout,
    ]
    // The same, but ours: no other program's value refers to them.
    static let exporterTimeout = TimeParameter("exporter_timeout", default: "10s", min: 1)
    static let exporterClientLimit = IntegerParameter("exporter_client_limit", default: 100, min: 1)
    static let sweepOutputLimit = IntegerParameter("sweep_output_limit", default: 1000)

    /// Those that every process evaluates as it starts, and that a value can be wrong for.
    static let ofEveryProcess: [any ConfigParameter] = [
        maxIdle, maxUse, ipcTimeout, ipcIdle, ipcTTL, daemonTimeout, triggerTimeout, applicationEventDrainTime,
        inFlowDelay, forkAttempts, forkDelay, defaultProcessLimit, serviceThrottleTime, multiInstanceEnable,
        mailName, mailOwner, setgidGroup, defaultPrivs, syslogName, maillogFilePrefixes, postlogServiceName,
        tcpWindowSize,
    ]
}
