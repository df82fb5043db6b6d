//===----------------------------------------------------------------------===//
// Quartermaster: the settings that a server starts with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// What main.cf and the command line come to. A main.cf that cannot be used is fatal, unless our own master keeps a
/// copy of one that it accepted: then a service that starts while the file is being edited, or after a refused reload,
/// works as its siblings do.
struct StartConfiguration {
    let processName: String
    let serviceName: String
    let options: DaemonOptions
    let log: Log
    /// Of the service.
    let parameters: [any ServiceParameter]
    let watchdogLimit: Parameter<Int>?

    /// One main.cf, evaluated.
    struct Evaluated {
        var context: ServiceContext
        let watchdogSeconds: Int?
        let problems: [ConfigProblem]
    }

    func load(_ parent: Circumstances.Parent) -> Evaluated {
        let directory = configDirectory()
        let current = evaluated(loadMainConfig(directory: directory, processName: processName))
        guard let fatal = current.problems.firstFatal, parent == .ours,
            let accepted = loadAccepted(directory), !accepted.problems.hasFatal
        else {
            report(current.problems, log)
            return current
        }
        log.warning("\(fatal.logged) -- using \(AcceptedMainConfig.path), the copy that master accepted last")
        return accepted
    }

    private func loadAccepted(_ directory: String) -> Evaluated? {
        do throws(CarefulOpenError) {
            return evaluated(try loadAcceptedMainConfig(directory: directory, processName: processName))
        } catch {
            log.warning("\(AcceptedMainConfig.path): \(error.reason)")
            return nil
        }
    }

    /// The command line is stronger than the file, and its last word counts.
    private func evaluated(_ loaded: LoadedMainConfig) -> Evaluated {
        var loaded = loaded
        for override in options.overrides { loaded.dictionary.set(override.name, override.value) }
        loaded.host.serviceName = serviceName
        let (settings, problems) = evaluateSettings(&loaded.dictionary, host: loaded.host)
        var context = ServiceContext(
            settings: settings,
            dictionary: loaded.dictionary,
            serviceName: serviceName,
            processName: processName,
            arguments: options.arguments,
            isOneShot: options.isOneShot,
            log: ServiceLog(log)
        )
        context.collected = loaded.problems + problems + ownerProblems(settings, loaded.dictionary)
        for parameter in parameters { parameter.check(in: &context) }
        let watchdogSeconds = watchdogLimit.map { context.value(of: $0) }
        let all = context.collected ?? []
        context.collected = nil
        return Evaluated(context: context, watchdogSeconds: watchdogSeconds, problems: all)
    }

    /// Whether there is an owner without privileges to become, where master.cf says so. A service that would go on as
    /// root instead must not start.
    private func ownerProblems(_ settings: MainSettings, _ dictionary: MainDictionary) -> [ConfigProblem] {
        guard options.isUnprivileged else { return [] }
        let name = settings.mailOwner
        let place = dictionary.place(of: "mail_owner")
        let found: UserAccount?
        do throws(SystemError) {
            found = try userAccount(named: name)
        } catch {
            return [.cannotLookUp("user \"\(name)\"", error, at: place)]
        }
        guard let user = found else {
            let cure = "Create the user \(name), or set mail_owner to one that exists."
            return [.fatal("unknown user: \(name)", at: place, cure: cure)]
        }
        guard user.uid == 0 else { return [] }
        let cure = "Set mail_owner to a user that has no privileges and is used for nothing else."
        return [.fatal("parameter mail_owner: user \(name) has privileged user ID", at: place, cure: cure)]
    }
}
