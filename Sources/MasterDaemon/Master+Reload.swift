//===----------------------------------------------------------------------===//
// Quartermaster: a new configuration, whole or not at all
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
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
            names: attempt.names
        )
        let read = builder.build()
        if !attempt.names.open.isEmpty { return lookUpNames(attempt) }
        guard let model = read else { return refuse(builder.findings) }
        // A service that is being removed has given up its sockets: one of the same name makes its own.
        var store = EndpointStore(running: services.compactMap { $0 }.filter { isActive($0) })
        do throws(EndpointStore.Failure) {
            try store.prepare(model, log)
        } catch {
            builder.add(error.problem)
            return refuse(builder.findings)
        }
        openControl()
        for note in model.notes where log.verbosity > 0 { log.info(note) }
        var troubles = keepCopy(builder.acceptedMain).map { [$0] } ?? []
        let changes = apply(model, &store, retiring: .everybody, troubles: &troubles)
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

    /// Says what is wrong, and that nothing has changed.
    func refuse(_ problems: [ConfigProblem]) {
        attendToLogBeforeRefusal()
        conclude(.refused, problems)
        tellManagerOfReload(isAccepted: false)
    }

    /// The end of every reload.
    private func conclude(_ outcome: ReloadReport.Outcome, _ problems: [ConfigProblem]) {
        endAttempt()
        let report = ReloadReport(outcome: outcome, problems: problems, mainPath: settings.mainPath)
        lastReload = report
        for line in report.lines { line.level == .warning ? log.warning(line.text) : log.info(line.text) }
        // Whoever is told of the result may look at once.
        publishReload(report)
        tellReloadResult(report)
    }

    /// Applies the model, at start as at a reload: kept services get a new channel, new ones start, the others go.
    ///
    /// - Parameter troubles: gets what did not work, and is no reason to go back.
    func apply(
        _ model: Model,
        _ store: inout EndpointStore,
        retiring scope: RetirementScope,
        troubles: inout [ConfigProblem]
    ) -> ServiceChanges {
        for service in services { if let service { drain(service.id) } }
        // To be disabled lasts until the next reload.
        if scope == .everybody { for service in activeServices { policy.enableAsked(service.id, now: now) } }
        carryOut()
        settings = model.settings
        clientCounter = ClientCounter()
        owner = MailOwner(model.owner)
        var changes = ServiceChanges()
        for plan in model.services {
            switch store.claim(plan.identity) {
            case .kept(let service)?:
                let isSame = plan.asksForNothingNew(of: service.plan)
                if !isSame { changes.changed.append(plan) }
                if !isSame || scope == .everybody { update(service, plan) }
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
        return changes
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
    private func update(_ service: RunningService, _ plan: ServicePlan) {
        service.plan = plan.keepingEndpoint(of: service.plan)
        prepareArguments(service)
        tryOutCounting(service)
        policy.updateService(service.id, rules(of: service.plan), now: now)
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
    /// Those of every service, as Postfix's: tables and certificates, too, are read again.
    case everybody
    /// Those of services whose line or settings have changed.
    case changedServices
}
