//===----------------------------------------------------------------------===//
// Quartermaster: a new configuration, whole or not at all
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import SystemCalls

extension Master {
    /// A main.cf that is being edited is read when it has settled; meanwhile everybody is served.
    func reloadWhenSettled() {
        guard let pause = mainConfigPause(directory: settings.configDirectory) else { return reload() }
        let timer = reloadTimer ?? loop.makeTimer(token: MasterEvent.reloadDue.token)
        reloadTimer = timer
        loop.arm(timer, milliseconds: pause)
    }

    /// Builds and checks the whole new model, sockets included, before it touches the old one. When anything is wrong,
    /// everything that runs stays as it was, and the log says where and why.
    func reload() {
        log.info("reload -- version \(settings.mailVersion), configuration \(settings.configDirectory)")
        var builder = ModelBuilder(
            configDirectory: settings.configDirectory,
            processName: processName,
            frozen: frozen
        )
        let model = builder.build()
        let destination: LogDestination?
        do throws(ConfigProblem) {
            destination = try model.map { model throws(ConfigProblem) in
                try logDestination(model.settings, writesDirectly: true, isReload: true)
            }
        } catch {
            builder.add(error)
            destination = nil
        }
        report(builder.problems)
        guard let model, let destination else { return keepOld() }
        // A service that is being removed has given up its sockets: one of the same name makes its own.
        var store = EndpointStore(running: services.compactMap { $0 }.filter { isActive($0) })
        do throws(EndpointStore.Failure) {
            try store.prepare(model, log)
        } catch {
            report([error.problem])
            return keepOld()
        }
        apply(model, &store)
        log.redirect(to: destination)
        takeLogSettings()
        spawner.refreshEnvironment()
    }

    private func report(_ problems: [ConfigProblem]) {
        for problem in problems {
            let cure = problem.severity == .fatal ? problem.cure.map { " (\($0))" } ?? "" : ""
            problem.severity == .info ? log.info(problem.text) : log.warning(problem.text + cure)
        }
    }

    private func keepOld() {
        log.warning(
            "reload refused: everything keeps running on the previous configuration"
                + " -- correct the problem above and reload again"
        )
    }

    /// Takes the model up, at start as at a reload: kept services get a new channel, new ones start, the others go.
    func apply(_ model: Model, _ store: inout EndpointStore) {
        for service in services { if let service { drain(service.id) } }
        carryOut()
        settings = model.settings
        clientCounter = ClientCounter()
        owner = MailOwner(model.owner)
        for plan in model.services {
            switch store.take(plan.identity) {
            case .kept(let service)?: update(service, plan)
            case .made(let service)?: takeUp(service, &store)
            case nil: break
            }
        }
        for service in store.leftovers.sorted(by: { $0.id.index < $1.id.index }) {
            policy.removeService(service.id, now: now)
            carryOut()
        }
    }

    /// A service that cannot have its path leaves it to the one that has it, which stays as it is.
    private func takeUp(_ service: RunningService, _ store: inout EndpointStore) {
        do throws(EndpointFailure) {
            try service.settle(owner, log)
            add(service)
        } catch {
            log.warning("service \(service.plan.entry.nameAsWritten) stays as it was: \(error.text)")
            service.removeFile(owner, log)
            if let path = service.plan.endpoint.path { _ = store.takeHolder(ofPath: path) }
        }
    }

    private func isActive(_ service: RunningService) -> Bool {
        policy.view(of: service.id).map { !$0.isLeaving } ?? false
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
        log.ident = "\(settings.syslogName)/\(processName)"
        log.host = settings.myHostName
        log.filePermissions = settings.maillogFilePermissions
        log.prepareLastWords("watchdog timeout")
        log.prepareCrashWords()
    }
}
