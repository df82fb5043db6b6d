//===----------------------------------------------------------------------===//
// Quartermaster: a new configuration, whole or not at all
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterPolicy
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
        let model = builder.build()
        if !attempt.names.open.isEmpty { return lookUpNames(attempt) }
        let destination: LogDestination?
        do throws(ConfigProblem) {
            destination = try model.map { model throws(ConfigProblem) in
                try logDestination(model.settings, writesDirectly: true, isReload: true)
            }
        } catch {
            builder.add(error)
            destination = nil
        }
        guard let model, let destination else { return refuse(builder.problems) }
        report(builder.problems)
        // A service that is being removed has given up its sockets: one of the same name makes its own.
        var store = EndpointStore(running: services.compactMap { $0 }.filter { isActive($0) })
        do throws(EndpointStore.Failure) {
            try store.prepare(model, log)
        } catch {
            return refuse([error.problem])
        }
        endAttempt()
        for note in model.notes where log.verbosity > 0 { log.info(note) }
        keepCopy(builder.acceptedMain)
        let changes = apply(model, &store)
        for line in changes.lines { log.info("reload accepted: \(line)") }
        isStandingIn = false
        log.redirect(to: destination)
        exportLogTag(settings)
        takeLogSettings()
        spawner.refreshEnvironment()
    }

    /// Processes that start while main.cf has a mistake can fall back to what was accepted last.
    func keepCopy(_ main: AcceptedMainConfig) {
        do throws(SystemError) {
            try main.write()
        } catch {
            log.warning(
                "cannot keep a copy of main.cf in \(AcceptedMainConfig.path): \(error.reason)"
                    + " -- a process that starts while main.cf has a mistake will fail"
            )
        }
    }

    private func report(_ problems: [ConfigProblem]) {
        for problem in problems {
            switch problem.severity {
            case .info: log.info(problem.text)
            case .warning: log.warning(problem.text)
            case .fatal: log.warning(problem.placedText + (problem.cure.map { " (\($0))" } ?? ""))
            }
        }
    }

    /// Says what is wrong, and that nothing has changed.
    func refuse(_ problems: [ConfigProblem]) {
        endAttempt()
        attendToLogBeforeRefusal()
        report(problems)
        let mainPath = "\(settings.configDirectory)/main.cf"
        if problems.contains(where: { $0.severity == .fatal && $0.file == mainPath }) {
            log.warning(
                "until \(mainPath) is corrected, new processes of daemons other than Quartermaster's read the mistake"
                    + " too and fail"
            )
        }
        log.warning(
            "reload refused: everything keeps running on the previous configuration"
                + " -- correct the problem above and reload again"
        )
    }

    /// Takes the model up, at start as at a reload: kept services get a new channel, new ones start, the others go.
    @discardableResult
    func apply(_ model: Model, _ store: inout EndpointStore) -> ServiceChanges {
        for service in services { if let service { drain(service.id) } }
        carryOut()
        settings = model.settings
        clientCounter = ClientCounter()
        owner = MailOwner(model.owner)
        var changes = ServiceChanges()
        for plan in model.services {
            switch store.take(plan.identity) {
            case .kept(let service)?:
                if !plan.asksForNothingNew(of: service.plan) { changes.changed.append(plan) }
                update(service, plan)
            case .made(let service)?:
                if takeUp(service, &store) { changes.added.append(plan) }
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

    private func isActive(_ service: RunningService) -> Bool {
        policy.view(of: service.id).map { !$0.isLeaving } ?? false
    }

    /// A service that cannot have its path leaves it to the one that has it, which stays as it is.
    private func takeUp(_ service: RunningService, _ store: inout EndpointStore) -> Bool {
        do throws(EndpointFailure) {
            try service.settle(owner, log)
        } catch {
            log.warning("service \(service.plan.entry.nameAsWritten) stays as it was: \(error.text)")
            service.removeFile(owner, log)
            if let path = service.plan.endpoint.path { _ = store.takeHolder(ofPath: path) }
            return false
        }
        add(service)
        return true
    }

    /// A kept service keeps its sockets; everything else comes from the new entry.
    private func update(_ service: RunningService, _ plan: ServicePlan) {
        service.plan = plan.keepingEndpoint(of: service.plan)
        prepareArguments(service)
        tryOutCounting(service)
        policy.updateService(service.id, rules(of: service.plan), now: now)
        carryOut()
    }

    func takeLogSettings() {
        exportLogSettings(settings)
        log.ident = "\(logTag(settings))/\(processName)"
        log.host = settings.myHostName
        log.filePermissions = settings.maillogFilePermissions
        log.prepareLastWords("watchdog timeout")
        log.prepareCrashWords()
    }
}
