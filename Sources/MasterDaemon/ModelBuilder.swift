//===----------------------------------------------------------------------===//
// Quartermaster: everything the configuration files say, checked and resolved
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import MasterProtocol
import SystemCalls

/// A complete reading of main.cf and master.cf. It is built whole, with every problem collected on the way, before
/// it is acted on; nothing that runs is touched.
struct Model: Sendable {
    var settings: MainSettings
    var owner: UserAccount
    var services: [ServicePlan]
}

/// Builds a model. What is wrong is in `problems`, in the order of the files.
struct ModelBuilder {
    let configDirectory: String
    let processName: String
    let purpose: ReadingPurpose
    private(set) var problems: [ConfigProblem] = []
    /// The last reading of main.cf, also when it is not good enough to run on; for those who look for more mistakes.
    private(set) var settings: MainSettings?
    /// The values as main.cf has them, for who looks for names that mean nothing.
    private(set) var dictionary = MainDictionary()
    /// What names mean, as far as that has to be asked.
    private let names: NameBook
    /// main.cf as it was read last.
    private var mainBytes: [UInt8] = []

    init(
        configDirectory: String,
        processName: String,
        for purpose: ReadingPurpose,
        names: NameBook = NameBook(.asking)
    ) {
        self.configDirectory = configDirectory
        self.processName = processName
        self.purpose = purpose
        self.names = names
    }

    /// main.cf as it was read last, for those who accept it.
    var acceptedMain: AcceptedMainConfig { AcceptedMainConfig(directory: configDirectory, bytes: mainBytes) }

    mutating func add(_ problem: ConfigProblem) { problems.append(problem) }

    /// What was found since the last call.
    mutating func takeProblems() -> [ConfigProblem] {
        defer { problems = [] }
        return problems
    }

    /// main.cf alone: enough to log, to change directory and to take locks.
    mutating func readMain() -> (settings: MainSettings, owner: UserAccount)? {
        var loaded = loadMainConfig(
            directory: configDirectory,
            processName: processName,
            waitsUntilSettled: purpose.frozen == nil
        )
        mainBytes = loaded.bytes
        problems += loaded.problems
        if loaded.problems.hasFatal && loaded.bytes.isEmpty { return nil }
        var (settings, found) = evaluateSettings(&loaded.dictionary, host: loaded.host)
        if isForPostfix(settings) { found += SharedParameters.problems(loaded.dictionary) }
        problems += found
        purpose.frozen?.restore(&settings, problems: &problems)
        self.settings = settings
        dictionary = loaded.dictionary
        let identity = accountProblems(settings, dictionary: loaded.dictionary)
        problems += identity
        if (loaded.problems + found + identity).hasFatal { return nil }
        guard let owner = names.user(named: settings.mailOwner) else { return nil }
        return (settings, UserAccount(name: settings.mailOwner, uid: owner.userID, gid: owner.groupID))
    }

    /// Ordinary users run everything as themselves, so only their own account has to exist.
    private func accountProblems(_ settings: MainSettings, dictionary: MainDictionary) -> [ConfigProblem] {
        if Identity.effectiveUser == 0 {
            return IdentityChecks.problems(
                settings: settings,
                accounts: AccountFacts(
                    mailOwner: names.user(named: settings.mailOwner),
                    defaultPrivs: names.user(named: settings.defaultPrivs),
                    setgidGroup: names.group(named: settings.setgidGroup)
                ),
                dictionary: dictionary
            )
        }
        guard let owner = names.user(named: settings.mailOwner), owner.userID == Identity.effectiveUser else {
            let text =
                "the master command is reserved for the superuser, and for the mail_owner \"\(settings.mailOwner)\""
            return [
                ConfigProblem(
                    .fatal,
                    text,
                    file: settings.mainPath,
                    line: dictionary.line(of: "mail_owner"),
                    cure: "Run it as root, or set mail_owner to the user who runs it, with -d or -s."
                )
            ]
        }
        return []
    }

    /// master.cf against the settings: entries, identities, addresses.
    mutating func readServices(_ read: MainSettings) -> [ServicePlan] {
        var settings = read
        let path = settings.masterPath
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try readFile(path).bytes
        } catch {
            problems.append(
                ConfigProblem(
                    .fatal,
                    "open \(path): \(error.reason)",
                    file: path,
                    cure: path.hasPrefix("/")
                        ? "Restore the file." : "Name the configuration directory by its absolute path."
                )
            )
            return []
        }
        let families = InetAddresses.usableFamilies(settings.addressFamilies, problems: &problems)
        let entries = MasterFile.parse(
            bytes,
            path: path,
            settings: settings,
            isInetUsable: !families.isEmpty,
            problems: &problems
        )
        let inetServices = entries.filter { $0.type == .inet }.map(\.nameAsWritten)
        purpose.frozen?.restoreInterfaces(&settings, inetServices: inetServices, problems: &problems)
        let ports = portTable(for: entries, settings)
        let resolver = InetAddresses(
            settings: settings,
            families: families,
            interfaceFamilies: familiesAtStart,
            interfaces: (try? interfaceAddresses()) ?? [],
            names: names
        )
        checkInterfaces(resolver, settings)
        let unique = MasterFile.withoutDuplicates(entries, ports: ports, path: path, problems: &problems)
        advise(unique, settings)
        return unique.compactMap { plan($0, ports, resolver, settings) }
    }

    private mutating func checkInterfaces(_ resolver: InetAddresses, _ settings: MainSettings) {
        do throws(InetAddresses.Failure) {
            try resolver.checkInterfaces(forPostfix: isForPostfix(settings))
        } catch {
            problems.append(ConfigProblem(.fatal, error.text, file: settings.mainPath, cure: error.cure))
        }
    }

    /// The families that `inet_interfaces` stood for when a running master started; nil when none runs.
    private var familiesAtStart: AddressFamilies? {
        var saidAtStart: [ConfigProblem] = []
        return purpose.frozen.map { InetAddresses.usableFamilies($0.addressFamilies, problems: &saidAtStart) }
    }

    /// Everything; nil when a fatal problem was found.
    mutating func build() -> Model? {
        guard let main = readMain() else { return nil }
        let services = readServices(main.settings)
        if problems.hasFatal { return nil }
        return Model(settings: main.settings, owner: main.owner, services: services)
    }

    /// Ports by name: `known_tcp_ports` first, then services(5) for the names that master.cf uses.
    private mutating func portTable(for entries: [ServiceEntry], _ settings: MainSettings) -> PortTable {
        let known = PortTable(knownTCPPorts: settings.knownTCPPorts, problems: &problems)
        var services: [String: UInt16] = [:]
        for entry in entries {
            guard let name = entry.inetName?.port, known.number(of: name) == nil else { continue }
            if let port = names.tcpPort(named: name) { services[name] = port }
        }
        // What is wrong with the parameter was said above.
        var saidBefore: [ConfigProblem] = []
        return PortTable(knownTCPPorts: settings.knownTCPPorts, services: services, problems: &saidBefore)
    }

    private mutating func plan(
        _ entry: ServiceEntry,
        _ ports: PortTable,
        _ resolver: InetAddresses,
        _ settings: MainSettings
    ) -> ServicePlan? {
        let endpoint: EndpointPlan
        if let path = entry.endpointPath {
            endpoint = .path(path, entry.type)
        } else {
            guard let name = entry.inetName else { return nil }
            do throws(InetAddresses.Failure) {
                endpoint = .inet(try resolver.addresses(of: name, written: entry.nameAsWritten, ports: ports))
            } catch {
                // What is wrong with inet_interfaces was said once, and is no service's fault.
                if problems.contains(where: { $0.text == error.text }) { return nil }
                let prefix = error.isSyntax ? "\(settings.masterPath): line \(entry.line): " : ""
                problems.append(
                    ConfigProblem(
                        .fatal,
                        prefix + error.text,
                        file: settings.masterPath,
                        line: entry.line,
                        cure: error.cure
                    )
                )
                return nil
            }
        }
        if Identity.effectiveUser != 0 { refusePrivileges(entry, settings) }
        return ServicePlan(
            entry: entry,
            identity: .canonicalIdentity(of: entry, ports: ports),
            endpoint: endpoint,
            backlog: max(entry.processLimit, settings.defaultProcessLimit),
            settings: ServiceSettings(of: entry, in: dictionary, general: settings, problems: &problems)
        )
    }

    /// Without root there is no chroot, and no other user to become.
    private mutating func refusePrivileges(_ entry: ServiceEntry, _ settings: MainSettings) {
        let line = "\(settings.masterPath): line \(entry.line): "
        if entry.wantsChroot {
            problems.append(
                ConfigProblem(
                    .fatal,
                    "\(line)service \(entry.nameAsWritten): chroot needs root privileges",
                    file: settings.masterPath,
                    line: entry.line,
                    cure: "Put n in the fifth field, \"chroot\", or start master as root."
                )
            )
        }
        if !entry.isUnprivileged {
            problems.append(
                ConfigProblem(
                    .fatal,
                    "\(line)service \(entry.nameAsWritten): a privileged service needs root privileges",
                    file: settings.masterPath,
                    line: entry.line,
                    cure: "Put y in the fourth field, \"unprivileged\", or start master as root."
                )
            )
        }
    }
}
