//===----------------------------------------------------------------------===//
// Quartermaster: a new configuration, whole or not at all
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import StatusPage
import SystemCalls

extension Master {
    /// Builds and checks the whole new model, sockets included, before it touches the old one. When anything is wrong,
    /// everything that runs stays as it was, and the log says where and why.
    func reload(_ attempt: ReloadAttempt) {
        var builder = ModelBuilder(
            configDirectory: settings.configDirectory,
            processName: processName,
            for: .reload(frozen),
            names: attempt.names,
            log: log
        )
        let read = builder.build()
        if !builder.acceptedMain.setsTheSame(as: lastAcceptedMain) { hasMainStrayed = true }
        if !attempt.names.open.isEmpty { return lookUpNames(attempt) }
        guard let model = read else { return refuse(builder.findings) }
        // A service that is being removed has given up its sockets: one of the same name makes its own.
        var store = EndpointStore(running: services.compactMap { $0 }.filter { isActive($0) })
        do throws(EndpointStore.Failure) {
            try store.prepare(model, log)
        } catch {
            error.problems.forEach { builder.add($0) }
            return refuse(builder.findings)
        }
        // Children find the name of this machine out by themselves.
        let isSame = !hasMainStrayed && model.settings.myHostName == settings.myHostName
        let scope: RetirementScope = isSame && !attempt.wish.retiresAll ? .changedServices : .everybody
        openControl()
        for note in model.notes where log.verbosity > 0 { log.info(note) }
        var troubles = keepCopy(builder.acceptedMain).map { [$0] } ?? []
        let changes = apply(model, &store, retiring: scope, isReload: true, troubles: &troubles)
        if scope == .everybody { hasMainStrayed = false }
        conclude(.accepted(changes), builder.findings + troubles)
        isStandingIn = false
        log.redirect(to: logDestination(model.settings, writesDirectly: true, isReload: true))
        exportLogTag(settings)
        adoptLogSettings()
        spawner.refreshEnvironment()
        tellManagerOfReload(isAccepted: true)
    }

    /// Processes that start while main.cf has a mistake can fall back to what was accepted last. Returns what stood in
    /// the way.
    func keepCopy(_ main: AcceptedMainConfig) -> ConfigProblem? {
        acceptedMain = main.bytes
        do throws(SystemError) {
            try main.write()
            return nil
        } catch {
            return .warning(
                "cannot keep a copy of main.cf in \(AcceptedMainConfig.path): \(error.reason)"
                    + " -- a process that starts while main.cf has a mistake will fail",
                cure: "Make room, or remove what is in the way, and reload."
            )
        }
    }

    private var lastAcceptedMain: AcceptedMainConfig {
        AcceptedMainConfig(directory: settings.configDirectory, bytes: acceptedMain)
    }

    /// Says what is wrong, and that nothing has changed.
    func refuse(_ problems: [ConfigProblem]) {
        attendToLogBeforeRefusal()
        conclude(.refused, problems)
        tellManagerOfReload(isAccepted: false)
    }

    /// The end of every reload.
    private func conclude(_ outcome: ReloadReport.Outcome, _ problems: [ConfigProblem]) {
        let asker = reloadAttempt?.wish.asker ?? .signal
        endAttempt()
        let report = ReloadReport(outcome: outcome, asker: asker, problems: problems, mainPath: settings.mainPath)
        lastReload = report
        for line in report.lines { line.level == .warning ? log.warning(line.text) : log.info(line.text) }
        // Whoever asked may look at the page as soon as the answer is there.
        publishReload(report)
        tellReloadResult(report)
    }

    /// Applies the model, at start as at a reload: kept services get what is new for them, new ones start, the others
    /// go.
    ///
    /// - Parameters:
    ///   - isReload: somebody asked for it: what lasts until the next reload ends.
    ///   - troubles: gets what did not work, and is no reason to go back.
    func apply(
        _ model: Model,
        _ store: inout EndpointStore,
        retiring scope: RetirementScope,
        isReload: Bool = false,
        troubles: inout [ConfigProblem]
    ) -> ServiceChanges {
        for service in services { if let service { readReports(of: service.id) } }
        // To be disabled lasts until the next reload.
        if isReload || scope == .everybody {
            for service in activeServices { policy.enableAsked(service.id, now: now) }
        }
        carryOut()
        settings = model.settings
        clientCounter = ClientCounter()
        owner = MailOwner(model.owner)
        var changes = ServiceChanges()
        var kept: [(service: RunningService, plan: ServicePlan)] = []
        for plan in model.services {
            switch store.claim(plan.identity) {
            case .kept(let service, let relocation)?:
                let isSame = plan.asksForNothingNew(of: service.plan)
                if !isSame { changes.changed.append(plan) }
                if let trouble = resize(service, plan, &changes) { troubles.append(trouble) }
                if let relocation {
                    relocate(service, plan, relocation)
                    changes.moved.append(
                        ServiceChanges.Move(plan: plan, added: relocation.added, removed: relocation.removed)
                    )
                } else if !isSame, scope == .changedServices {
                    update(service, plan, retiring: .atOnce)
                } else {
                    // Those that are new come first.
                    isSame ? kept.append((service, plan)) : kept.insert((service, plan), at: 0)
                }
            case .made(let service)?:
                if let trouble = settleAndAdd(service, &store) {
                    troubles.append(trouble)
                } else {
                    changes.added.append(plan)
                }
            case nil: break
            }
        }
        for service in store.leftovers.sorted(by: { $0.id.index < $1.id.index }) {
            changes.removed.append(service.plan)
            policy.removeService(service.id, now: now)
            carryOut()
        }
        switch scope {
        case .everybody: changes.spread = updateInTurn(kept)
        case .changedServices where isReload:
            for (service, plan) in kept { update(service, plan, retiring: .never) }
            changes.kept = kept.count
        case .changedServices: break
        }
        for service in activeServices { replaceIfShut(service.id) }
        return changes
    }

    /// Tells the processes of all these services to leave, at once or one service after the other.
    private func updateInTurn(_ kept: [(service: RunningService, plan: ServicePlan)]) -> ServiceChanges.Spread? {
        let seconds = settings.masterReloadSpread
        var turns = ReloadTurns(seconds: seconds, services: kept.count { policy.hasProcesses($0.service.id) })
        for (service, plan) in kept {
            update(service, plan, retiring: policy.hasProcesses(service.id) ? turns.next() : .atOnce)
        }
        return policy.reloadSpread.map { ServiceChanges.Spread(services: $0.services, seconds: seconds) }
    }

    /// New processes get the new sockets, and those that have others leave.
    private func relocate(_ service: RunningService, _ plan: ServicePlan, _ relocation: Relocation) {
        rewatch(service) { service.take(relocation) }
        update(service, plan, retiring: .atOnce)
        if service.outgoingCount > 0 { policy.endpointsOutgoing(service.id, now: now) }
        carryOut()
    }

    /// Changes the sockets of a service, and watches them as before.
    private func rewatch(_ service: RunningService, _ change: () -> Void) {
        for watch in service.endpointWatches { loop.remove(watch) }
        service.endpointWatches = []
        change()
        if let view = policy.view(of: service.id), view.watch != .none { watchEndpoints(service.id) }
    }

    func closeOutgoing(_ id: ServiceID) {
        guard let service = service(id) else { return }
        rewatch(service) { service.closeOutgoing() }
        prepareArguments(service)
    }

    /// A queue keeps what is in it when its length changes.
    private func resize(
        _ service: RunningService,
        _ plan: ServicePlan,
        _ changes: inout ServiceChanges
    ) -> ConfigProblem? {
        if case .udp = plan.endpoint { return resizeBuffer(service, plan, &changes) }
        guard plan.backlog != service.plan.backlog, plan.endpoint.hasQueue, !service.isAdopted else { return nil }
        do throws(SystemError) {
            for number in service.staying { try number.listen(backlog: Int32(clamping: plan.backlog)) }
            changes.resized.append(plan)
            return nil
        } catch {
            return .warning(
                "service \(plan.entry.nameAsWritten): the queue keeps its length: \(error.description)",
                at: .line(plan.entry.line, of: settings.masterPath),
                cure: "Stop and start master if the length matters."
            )
        }
    }

    /// What waits stays; a buffer that becomes smaller takes nothing more until enough has been received.
    private func resizeBuffer(
        _ service: RunningService,
        _ plan: ServicePlan,
        _ changes: inout ServiceChanges
    ) -> ConfigProblem? {
        let bytes = plan.settings.receiveBuffer
        guard bytes != service.plan.settings.receiveBuffer, !service.isAdopted else { return nil }
        do throws(SystemError) {
            let wanted = bytes > 0 ? bytes : try Self.usualReceiveBuffer()
            var least = wanted
            for number in service.staying { least = min(least, try number.setReceiveBuffer(wanted)) }
            changes.resized.append(plan)
            return least < bytes ? plan.problemOfBuffer(least, settings) : nil
        } catch {
            return .warning(
                "service \(plan.entry.nameAsWritten): the receive buffer stays as it is: \(error.description)",
                at: .line(plan.entry.line, of: settings.masterPath),
                cure: "Stop and start master if its size matters."
            )
        }
    }

    /// What the kernel gives who does not ask.
    private static func usualReceiveBuffer() throws(SystemError) -> Int {
        Int(try makeSocket(.ipv4, .datagram).number.option(.receiveBuffer) / 2)
    }

    func isActive(_ service: RunningService) -> Bool {
        policy.view(of: service.id).map { !$0.isLeaving } ?? false
    }

    /// A service that cannot have its path leaves it to the one that has it, which stays as it is; why is returned.
    private func settleAndAdd(_ service: RunningService, _ store: inout EndpointStore) -> ConfigProblem? {
        do throws(EndpointFailure) {
            try service.settle(owner, log)
        } catch {
            service.removeFile(owner, log)
            if let path = service.plan.endpoint.path { _ = store.claimHolder(ofPath: path) }
            return .warning(
                "service \(service.plan.entry.nameAsWritten) stays as it was: \(error.text)",
                at: .line(service.plan.entry.line, of: settings.masterPath),
                cure: "Remove what is in the way of the new endpoint, and reload."
            )
        }
        add(service)
        return nil
    }

    /// A kept service keeps its sockets; everything else comes from the new entry.
    private func update(_ service: RunningService, _ plan: ServicePlan, retiring: Retiring) {
        service.plan = service.isAdopted ? plan.keepingEndpoint(of: service.plan) : plan
        prepareArguments(service)
        tryOutCounting(service)
        policy.updateService(service.id, rules(of: service.plan), retiring: retiring, now: now)
        carryOut()
    }

    func adoptLogSettings() {
        exportLogSettings(settings)
        log.ident = "\(logTag(settings))/\(processName)"
        log.host = settings.myHostName
        log.filePermissions = settings.maillogFilePermissions
        log.prepareLastWords("watchdog timeout")
        log.prepareCrashWords()
    }
}

/// Whose processes leave when a configuration was accepted.
enum RetirementScope {
    /// Those of every service, as Postfix's: main.cf, tables and certificates are read again.
    case everybody
    /// Those of services whose line, settings or addresses have changed.
    case changedServices
}
