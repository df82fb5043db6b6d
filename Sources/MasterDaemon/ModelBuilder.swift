//===----------------------------------------------------------------------===//
// Quartermaster: everything the configuration files say, checked and resolved
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
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

/// What a configuration is read for. Start, reload and `--check` find the same mistakes, and think the same of them.
/// They differ in what must not change, and in that only a start may begin with nothing.
enum ReadingPurpose: Sendable {
    case start
    /// With what a running master cannot change.
    case reload(FrozenSettings)
    /// The same, in a process that nobody waits for: whether another program could take over.
    case trial(FrozenSettings)
    case check

    var frozen: FrozenSettings? {
        switch self {
        case .reload(let frozen), .trial(let frozen): frozen
        case .start, .check: nil
        }
    }

    /// Whether a main.cf that is being edited is waited for here. A running master does so by a timer.
    fileprivate var waitsUntilSettled: Bool {
        switch self {
        case .reload: false
        case .start, .trial, .check: true
        }
    }
}

/// Builds a model, and says what is wrong. Everything that is looked at beyond the files is looked at here, so that a
/// start, a reload and `--check` agree; what they do differently is what they do with it.
struct ModelBuilder {
    let configDirectory: String
    let processName: String
    let purpose: ReadingPurpose
    private(set) var problems: [ConfigProblem] = []
    /// The last reading of main.cf, also when it is not good enough to run on; for those who look for more mistakes.
    private(set) var settings: MainSettings?
    /// Whether every parameter of main.cf that master reads has a value that counts: it can log as the file says,
    /// whatever else is wrong.
    private(set) var isEvaluated = false
    /// The values as main.cf has them, for who looks for names that mean nothing, and where a parameter is set.
    private(set) var dictionary = MainDictionary()
    /// What names mean, as far as that has to be asked.
    private let names: NameBook
    /// Told of the end of a process that was root, and cannot become root again.
    let log: Log
    /// main.cf as it was read last.
    private var mainBytes: [UInt8] = []

    init(
        configDirectory: String,
        processName: String,
        for purpose: ReadingPurpose,
        names: NameBook = NameBook(.asking),
        log: Log = Log(ident: "master", host: nil, destination: .standardError, waits: false)
    ) {
        self.configDirectory = configDirectory
        self.processName = processName
        self.purpose = purpose
        self.names = names
        self.log = log
    }

    /// main.cf as it was read last, for those who accept it.
    var acceptedMain: AcceptedMainConfig { AcceptedMainConfig(directory: configDirectory, bytes: mainBytes) }

    mutating func add(_ problem: ConfigProblem) { problems.append(problem) }

    /// For what two of the checks may find.
    private mutating func addOnce(_ found: [ConfigProblem]) {
        for problem in found where !problems.contains(problem) { add(problem) }
    }

    /// Everything that was found, in the order of the lines.
    var findings: [ConfigProblem] {
        problems.inOrder(of: ["\(configDirectory)/main.cf", "\(configDirectory)/master.cf"])
    }

    /// What was found since the last call.
    mutating func handOverFindings() -> [ConfigProblem] {
        defer { problems = [] }
        return findings
    }

    /// Everything; nil when a fatal problem was found. A mistake in main.cf is no reason to keep quiet about those in
    /// master.cf.
    mutating func build() -> Model? {
        let main = readMain()
        let isKnown = names.open.isEmpty
        guard let settings else { return nil }
        let before = problems
        let services = readServices(settings, main?.owner)
        if main == nil, isKnown, !names.open.isEmpty {
            // What is known is enough to refuse the files: names in master.cf need not be asked for.
            problems = before
            names.closeQuestions()
        }
        guard let main, !problems.hasFatal else { return nil }
        return Model(settings: main.settings, owner: main.owner, services: services)
    }

    /// main.cf alone, and what it says about this machine: enough to log, to change directory and to take locks.
    mutating func readMain() -> (settings: MainSettings, owner: UserAccount)? {
        var loaded = loadMainConfig(
            directory: configDirectory,
            processName: processName,
            waitsUntilSettled: purpose.waitsUntilSettled
        )
        mainBytes = loaded.bytes
        problems += loaded.problems
        if loaded.problems.hasFatal && loaded.bytes.isEmpty { return nil }
        let (written, found) = evaluateSettings(&loaded.dictionary, host: loaded.host)
        dictionary = loaded.dictionary
        addOnce(found)
        isEvaluated = !problems.hasFatal
        if isForPostfix(written) { addOnce(SharedParameters.problems(dictionary)) }
        adviseEmptyMain()
        checkEnvironment(written)
        problems += accountProblems(written)
        let owner = names.user(named: written.mailOwner).map {
            UserAccount(name: written.mailOwner, uid: $0.userID, gid: $0.groupID)
        }
        checkDirectories(written, owner)
        var settings = written
        purpose.frozen?.restore(&settings, dictionary, problems: &problems)
        self.settings = settings
        guard !problems.hasFatal, let owner else { return nil }
        return (settings, owner)
    }

    /// Ordinary users run everything as themselves, so only their own account has to exist.
    private func accountProblems(_ settings: MainSettings) -> [ConfigProblem] {
        let unanswered = unansweredAccounts(settings)
        if !unanswered.isEmpty { return unanswered }
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
            return [
                .fatal(
                    "the master command is reserved for the superuser, and for the mail_owner"
                        + " \"\(settings.mailOwner)\"",
                    at: dictionary.place(of: "mail_owner"),
                    cure: "Run it as root, or set mail_owner to the user who runs it, with -d or -s."
                )
            ]
        }
        return []
    }

    /// What cannot be looked up now may well be there.
    private func unansweredAccounts(_ settings: MainSettings) -> [ConfigProblem] {
        var questions = [("mail_owner", NameQuestion.user(settings.mailOwner))]
        if Identity.effectiveUser == 0 {
            questions.append(("default_privs", .user(settings.defaultPrivs)))
            questions.append(("setgid_group", .group(settings.setgidGroup)))
        }
        return questions.compactMap { parameter, question in
            names.failure(of: question).map {
                .cannotLookUp(question.text, $0, at: dictionary.place(of: parameter))
            }
        }
    }

    /// master.cf against the settings of main.cf: entries, identities, addresses, and what they need of this machine.
    ///
    /// - Parameter owner: the account of mail_owner; nil when there is none.
    mutating func readServices(_ settings: MainSettings, _ owner: UserAccount?) -> [ServicePlan] {
        let path = settings.masterPath
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try readFile(path).bytes
        } catch {
            let restore =
                path.hasPrefix("/") ? "Restore the file." : "Name the configuration directory by its absolute path."
            let cure = error.isShortage ? shortageCure : restore
            add(.fatal("open \(path): \(error.reason)", at: .file(path), cure: cure))
            return []
        }
        let protocols = dictionary.place(of: "inet_protocols")
        var found: [ConfigProblem] = []
        let families = InetAddresses.usableFamilies(settings.addressFamilies, problems: &found)
        found.forEach { add($0.placed(at: protocols)) }
        let entries = MasterFile.parse(
            bytes,
            path: path,
            settings: settings,
            isInetUsable: !families.isEmpty,
            inetProtocols: protocols,
            problems: &problems
        )
        let interfaces = Result { () throws(SystemError) in try interfaceAddresses() }
        let resolver = InetAddresses(settings: settings, families: families, interfaces: interfaces, names: names)
        checkInterfaces(resolver)
        let ports = portTable(for: entries, settings)
        let unique = MasterFile.withoutDuplicates(entries, ports: ports, path: path, problems: &problems)
        advise(unique, settings)
        let plans = unique.compactMap { plan($0, ports, resolver, settings) }
        checkEndpointDirectories(plans, settings, owner)
        checkLogWriter(plans, settings)
        return plans
    }

    private mutating func checkInterfaces(_ resolver: InetAddresses) {
        do throws(InetAddresses.Failure) {
            try resolver.checkInterfaces(forPostfix: settings.map { isForPostfix($0) } ?? false)
        } catch {
            add(.fatal(error.text, at: dictionary.place(of: "inet_interfaces"), cure: error.cure))
        }
    }

    /// Ports by name: `known_tcp_ports` first, then services(5) for the names that master.cf uses.
    private mutating func portTable(for entries: [ServiceEntry], _ settings: MainSettings) -> PortTable {
        var found: [ConfigProblem] = []
        let known = PortTable(knownTCPPorts: settings.knownTCPPorts, problems: &found)
        found.forEach { add($0.placed(at: dictionary.place(of: "known_tcp_ports"))) }
        var services: [String: UInt16] = [:]
        var datagramServices: [String: UInt16] = [:]
        for entry in entries {
            guard let name = entry.inetName?.port, known.number(of: name, for: entry.type) == nil else { continue }
            if entry.type == .udp {
                if let port = names.udpPort(named: name) { datagramServices[name] = port }
            } else if let port = names.tcpPort(named: name) {
                services[name] = port
            }
        }
        // What is wrong with the parameter was said above.
        return PortTable(
            knownTCPPorts: settings.knownTCPPorts,
            services: services,
            datagramServices: datagramServices,
            problems: &found
        )
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
                let addresses = try resolver.addresses(
                    of: name,
                    written: entry.nameAsWritten,
                    type: entry.type,
                    ports: ports
                )
                endpoint = .addresses(addresses, entry.type)
            } catch {
                // What is wrong with inet_interfaces was said once, and is no service's fault.
                if problems.contains(where: { $0.text == error.text }) { return nil }
                add(.fatal(error.text, at: place(of: entry, settings), cure: error.cure))
                return nil
            }
        }
        if Identity.effectiveUser != 0 { refusePrivileges(entry, settings) }
        let own = ServiceSettings(of: entry, in: dictionary, general: settings, problems: &problems)
        let usual = max(entry.processLimit, settings.defaultProcessLimit, entry.usualQueue ?? 0)
        return ServicePlan(
            entry: entry,
            identity: .canonicalIdentity(of: entry, ports: ports),
            endpoint: endpoint,
            backlog: own.listenBacklog > 0 ? own.listenBacklog : usual,
            settings: own
        )
    }

    func place(of entry: ServiceEntry, _ settings: MainSettings) -> ConfigProblem.Place {
        .line(entry.line, of: settings.masterPath)
    }

    /// Without root there is no chroot, and no other user to become.
    private mutating func refusePrivileges(_ entry: ServiceEntry, _ settings: MainSettings) {
        let place = place(of: entry, settings)
        if entry.wantsChroot {
            let cure = "Put n in the fifth field, \"chroot\", or start master as root."
            add(.fatal("service \(entry.nameAsWritten): chroot needs root privileges", at: place, cure: cure))
        }
        if !entry.isUnprivileged {
            let other = entry.isForRootOnly ? "Remove the line" : "Put y in the fourth field, \"unpriv\""
            let cure = "\(other), or start master as root."
            let text = "service \(entry.nameAsWritten): a privileged service needs root privileges"
            add(.fatal(text, at: place, cure: cure))
        }
    }
}
