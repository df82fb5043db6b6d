//===----------------------------------------------------------------------===//
// Quartermaster: from the dictionary to the settings
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension MainSettings {
    /// Evaluates every setting and collects all problems on the way; with a fatal one among them the result is not
    /// to be used. Defaults are inserted into the dictionary, so that later parameters can refer to them.
    package static func evaluate(
        _ dictionary: inout MainDictionary,
        host: HostFacts,
        defaults: BuiltinDefaults = .debian,
        problems: inout [ConfigProblem]
    ) -> MainSettings {
        var reader = SettingsReader(dictionary: dictionary, host: host)
        reader.insertComputed()
        let settings = MainSettings(reading: &reader, table: ParameterTable(defaults))
        reader.insertParametersOfDaemons()
        dictionary = reader.dictionary
        // A parameter that others refer to is evaluated more than once.
        for problem in reader.problems where !problems.contains(problem) { problems.append(problem) }
        return settings
    }

    /// The order matters where a default refers to another parameter: the one referred to comes first.
    private init(reading reader: inout SettingsReader, table: ParameterTable) {
        typealias Table = ParameterTable
        multiInstanceDirectories = reader.value(of: Table.multiInstanceDirectories)
        multiInstanceName = reader.value(of: Table.multiInstanceName)
        multiInstanceGroup = reader.value(of: Table.multiInstanceGroup)
        isMultiInstanceEnabled = reader.value(of: Table.multiInstanceEnable)
        multiInstanceWrapper = reader.value(of: Table.multiInstanceWrapper)

        mailVersion = reader.value(of: table.mailVersion)
        mailReleaseDate = reader.value(of: table.mailReleaseDate)
        mailName = reader.value(of: Table.mailName)
        compatibilityLevel = reader.compatibilityLevel()
        myHostName = reader.myHostName()
        myDomain = reader.myDomain(of: myHostName)
        reader.checkHostName(myHostName, of: "myhostname")
        reader.checkHostName(myDomain, of: "mydomain")
        processName = reader.host.processName
        serviceName = reader.host.serviceName ?? ""

        configDirectory = reader.host.configDirectory
        queueDirectory = reader.value(of: table.queueDirectory)
        daemonDirectory = reader.value(of: table.daemonDirectory)
        commandDirectory = reader.value(of: table.commandDirectory)
        dataDirectory = reader.value(of: table.dataDirectory)
        shlibDirectory = reader.value(of: table.shlibDirectory)
        metaDirectory = reader.value(of: table.metaDirectory)
        processIDDirectory = reader.value(of: Table.processIDDirectory)

        mailOwner = reader.value(of: Table.mailOwner)
        setgidGroup = reader.value(of: Table.setgidGroup)
        defaultPrivs = reader.value(of: Table.defaultPrivs)

        defaultProcessLimit = reader.value(of: Table.defaultProcessLimit)
        serviceThrottleTime = reader.value(of: Table.serviceThrottleTime)
        masterServiceDisable = reader.value(of: Table.masterServiceDisable)
        masterConcurrentStarts = reader.value(ofOwn: Table.masterConcurrentStarts)
        masterWarningInterval = reader.value(ofOwn: Table.masterWarningInterval)
        masterReloadSpread = reader.value(ofOwn: Table.masterReloadSpread)
        masterListenBacklog = reader.value(ofOwn: Table.masterListenBacklog)
        masterReceiveBuffer = reader.value(ofOwn: Table.masterReceiveBuffer)
        masterAllowNoServices = reader.value(ofOwn: Table.masterAllowNoServices)
        masterNameLookupTimeLimit = reader.value(ofOwn: Table.masterNameLookupTimeLimit)
        maxIdle = reader.value(of: Table.maxIdle)
        maxUse = reader.value(of: Table.maxUse)
        ipcTimeout = reader.value(of: Table.ipcTimeout)
        ipcIdle = reader.value(of: Table.ipcIdle)
        ipcTTL = reader.value(of: Table.ipcTTL)
        daemonTimeout = reader.value(of: Table.daemonTimeout)
        triggerTimeout = reader.value(of: Table.triggerTimeout)
        applicationEventDrainTime = reader.value(of: Table.applicationEventDrainTime)
        inFlowDelay = reader.value(of: Table.inFlowDelay)
        forkAttempts = reader.value(of: Table.forkAttempts)
        forkDelay = reader.value(of: Table.forkDelay)
        debuggerCommand = reader.value(of: Table.debuggerCommand)
        stress = reader.value(of: Table.stress)

        inetInterfaces = reader.value(of: Table.inetInterfaces)
        inetProtocols = reader.value(of: Table.inetProtocols)
        addressFamilies = reader.addressFamilies(inetProtocols)
        proxyInterfaces = reader.value(of: Table.proxyInterfaces)
        knownTCPPorts = reader.value(of: Table.knownTCPPorts)
        tcpWindowSize = reader.value(of: Table.tcpWindowSize)

        importEnvironment = reader.value(of: Table.importEnvironment)
        exportEnvironment = reader.value(of: Table.exportEnvironment)

        syslogFacility = reader.syslogFacility()
        syslogName = reader.value(of: Table.syslogName)
        maillogFile = reader.value(of: Table.maillogFile)
        maillogFilePrefixes = Tokens.list(reader.value(of: Table.maillogFilePrefixes))
        maillogFileCompressor = reader.value(of: Table.maillogFileCompressor)
        maillogFileRotateSuffix = reader.value(of: Table.maillogFileRotateSuffix)
        maillogFilePermissions = reader.maillogFilePermissions()
        postlogServiceName = reader.value(of: Table.postlogServiceName)
        reader.checkMaillogFile(maillogFile, prefixes: maillogFilePrefixes)
    }
}

/// The dictionary and the problems while settings are read.
struct SettingsReader {
    var dictionary: MainDictionary
    let host: HostFacts
    var problems: [ConfigProblem] = []

    init(dictionary: MainDictionary, host: HostFacts) {
        self.dictionary = dictionary
        self.host = host
    }

    mutating func value<P: ConfigParameter>(of parameter: P) -> P.Value {
        dictionary.value(of: parameter, problems: &problems)
    }

    mutating func value<P: ConfigParameter>(ofOwn parameter: P) -> P.Value {
        dictionary.value(ofOwn: parameter, problems: &problems)
    }

    /// What the process knows about itself. A `config_directory` in the file is what `$config_directory` gives, but
    /// does not change where files are looked for.
    mutating func insertComputed() {
        if let written = dictionary.lookup("config_directory"), !written.hasSameBytes(as: host.configDirectory),
            dictionary.line(of: "config_directory") != nil
        {
            problems.append(
                .warning(
                    "overriding earlier entry: config_directory=\(host.configDirectory)",
                    at: dictionary.place(of: "config_directory"),
                    cure: "Remove the line: the directory is chosen with MAIL_CONFIG or -c."
                )
            )
        }
        dictionary.insertDefault("config_directory", host.configDirectory)
        dictionary.insertDefault("process_name", host.processName)
        dictionary.insertDefault("process_id", String(host.processID))
        if let serviceName = host.serviceName { dictionary.set("service_name", serviceName) }
    }

    mutating func insertParametersOfDaemons() {
        for parameter in ParameterTable.ofSingleDaemons {
            dictionary.insertDefault(parameter.name, parameter.defaultText)
        }
    }

    mutating func fail(_ name: String, _ text: String, cure: String) {
        problems.append(.fatal(text, at: dictionary.place(of: name), cure: cure))
    }

    /// A failure whose text names the parameter.
    mutating func refuse(_ name: String, _ reason: String, cure: String) {
        fail(name, "parameter \(name): \(reason)", cure: cure)
    }

    mutating func compatibilityLevel() -> CompatibilityLevel {
        let known = problems.count
        let text = value(of: ParameterTable.compatibilityLevel)
        if let level = CompatibilityLevel(text) { return level }
        guard problems.count == known else { return CompatibilityLevel(major: 0) }
        fail(
            "compatibility_level",
            CompatibilityLevel.malformed(text),
            cure: "Set compatibility_level to a version such as 3.6."
        )
        return CompatibilityLevel(major: 0)
    }

    mutating func addressFamilies(_ text: String) -> AddressFamilies {
        do {
            return try AddressFamilies.parse(text)
        } catch {
            fail("inet_protocols", error.text, cure: error.cure)
            return [.ipv4, .ipv6]
        }
    }

    mutating func syslogFacility() -> SyslogFacility {
        let text = value(of: ParameterTable.syslogFacility)
        if let facility = SyslogFacility(rawValue: text) { return facility }
        // Empty text was reported already.
        guard !text.isEmpty else { return .mail }
        let names = SyslogFacility.allCases.map(\.rawValue).joined(separator: " ")
        refuse("syslog_facility", "unrecognized value: \(text)", cure: "Use one of: \(names).")
        return .mail
    }

    /// The name of this machine with its domain.
    mutating func myHostName() -> String {
        var name = host.hostName
        if dictionary.lookup("myhostname") == nil, !name.utf8.contains(ASCII.dot) {
            let domain = value(of: StringParameter("mydomain", default: "localdomain"))
            name += ".\(domain)"
        }
        return value(of: StringParameter("myhostname", default: name, minLength: 1))
    }

    /// What follows the first dot of the name.
    mutating func myDomain(of hostName: String) -> String {
        let dot = hostName.utf8.firstIndex(of: ASCII.dot)
        let domain = dot.map { String(hostName[hostName.utf8.index(after: $0)...]) } ?? "localdomain"
        return value(of: StringParameter("mydomain", default: domain, minLength: 1))
    }

    mutating func checkHostName(_ text: String, of parameter: String) {
        // Empty text was reported already.
        guard !text.isEmpty, let gripe = HostName.problem(with: text) else { return }
        refuse(
            parameter,
            "bad parameter value: \(text) -- valid_hostname: \(gripe)",
            cure: "Set \(parameter) to a name such as mail.example.com."
        )
    }

    /// A later addition to Postfix; a bad value is no reason not to start.
    mutating func maillogFilePermissions() -> UInt32 {
        switch value(of: ParameterTable.maillogFilePermissions) {
        case "0600", "600": return 0o600
        case "0640", "640": return 0o640
        case "0644", "644": return 0o644
        case let text:
            problems.append(
                .warning(
                    "ignoring bad maillog_file_permissions value \"\(text)\": using 0600",
                    at: dictionary.place(of: "maillog_file_permissions"),
                    cure: "Set maillog_file_permissions to 0600, 0640 or 0644."
                )
            )
            return 0o600
        }
    }

    mutating func checkMaillogFile(_ file: String, prefixes: [String]) {
        guard !file.isEmpty, !prefixes.contains(where: { file.utf8.starts(with: $0.utf8) }) else { return }
        fail(
            "maillog_file",
            "maillog_file value '\(file)' does not match any prefix in maillog_file_prefixes",
            cure: "Choose a file under one of the maillog_file_prefixes, or add its directory there."
        )
    }
}
