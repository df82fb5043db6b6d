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

// How a reload waits; what it does is below.
extension Master {
    /// Takes a reload as far as it can go now; `ReloadAttempt` draws the way.
    func goOnWithReload(_ news: ReloadNews) {
        if news.contains(.asked) {
            log.info("reload -- version \(settings.mailVersion), configuration \(settings.configDirectory)")
            reloadAttempt?.isAskedAgain = reloadAttempt?.isLookingUp ?? false
            if reloadAttempt == nil { reloadAttempt = ReloadAttempt() }
        }
        guard let attempt = reloadAttempt else { return }
        if attempt.isLookingUp {
            goOnWithLookup(attempt, news)
        } else if !attempt.isPostponed || news.contains(.timerFired) {
            readWhenSettled(attempt)
        }
    }

    /// A main.cf that is being edited is read when it has settled; clients are served meanwhile.
    private func readWhenSettled(_ attempt: ReloadAttempt) {
        if let pause = mainConfigPause(directory: settings.configDirectory) {
            switch attempt.postpone(now) {
            case .first:
                log.info("reload: main.cf was edited a moment ago: it is read when it has settled, or in 10 seconds")
                return armReloadTimer(milliseconds: pause)
            case .again: return armReloadTimer(milliseconds: pause)
            case .refused: break
            case .tooLong: log.warning("reload: main.cf is still being edited after 10 seconds: it is read as it is")
            }
        }
        attempt.beginReading()
        reload(attempt)
    }

    /// Asks for what the name book has no answer to.
    private func lookUpNames(_ attempt: ReloadAttempt) {
        let questions = attempt.names.open
        guard attempt.readings < ReloadAttempt.longestRow else {
            return refuse([.cannotLookUp(questions[0], "the configuration names something else each time it is read")])
        }
        do throws(SystemError) {
            let helper = try NameHelper.start(questions)
            helpers.insert(helper.pid)
            let watch: WatchID
            do throws(SystemError) {
                watch = try loop.watch(helper.number, for: .readable, token: MasterEvent.namesArrived.token)
            } catch {
                helper.end()
                throw error
            }
            attempt.beginLookup(helper, watch)
            armReloadTimer(milliseconds: Int64(settings.masterNameLookupTimeLimit) * 1000)
        } catch {
            refuse([.cannotLookUp(questions[0], error.description, isShortage: error.isShortage)])
        }
    }

    private func goOnWithLookup(_ attempt: ReloadAttempt, _ news: ReloadNews) {
        switch attempt.readAnswers() {
        case .finished:
            attempt.endLookup(&loop)
            readWhenSettled(attempt)
        case .failed(let question):
            giveUpLookup(attempt, question, "the process that asks for it has ended early")
        case .unfinished:
            guard news.contains(.timerFired), let question = attempt.pendingQuestion else { return }
            giveUpLookup(attempt, question, "no answer after \(settings.masterNameLookupTimeLimit) seconds")
        }
    }

    /// Without an answer the reload is refused, unless another was asked for: the files may be others by now.
    private func giveUpLookup(_ attempt: ReloadAttempt, _ question: NameQuestion, _ reason: String) {
        attempt.endLookup(&loop)
        guard attempt.isAskedAgain else { return refuse([.cannotLookUp(question, reason)]) }
        log.warning("reload: \(question.text): \(reason) -- reading the configuration again, as was asked meanwhile")
        let next = ReloadAttempt()
        reloadAttempt = next
        readWhenSettled(next)
    }

    private func armReloadTimer(milliseconds: Int64) {
        let timer = reloadTimer ?? loop.makeTimer(token: MasterEvent.reloadDue.token)
        reloadTimer = timer
        loop.arm(timer, milliseconds: milliseconds)
    }

    private func endAttempt() {
        reloadAttempt = nil
        if let timer = reloadTimer { loop.stop(timer) }
    }
}

extension ConfigProblem {
    fileprivate static func cannotLookUp(
        _ question: NameQuestion,
        _ reason: String,
        isShortage: Bool = false
    ) -> ConfigProblem {
        ConfigProblem(
            .fatal,
            "cannot look up \(question.text): \(reason)",
            cure: isShortage
                ? "Nothing is wrong with the files: reload again when there are memory and descriptors."
                : "Look for a name server or directory that does not answer, or use addresses and local names."
        )
    }
}

extension Master {
    /// Builds and checks the whole new model, sockets included, before it touches the old one. When anything is wrong,
    /// everything that runs stays as it was, and the log says where and why.
    private func reload(_ attempt: ReloadAttempt) {
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
    fileprivate func refuse(_ problems: [ConfigProblem]) {
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
