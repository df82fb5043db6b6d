//===----------------------------------------------------------------------===//
// Quartermaster: the one road to the sockets of services
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// Asked by identity, it hands over the sockets that exist, with the service that has them, or makes them. Start and
/// reload both get every socket from here.
///
/// `prepare` makes all that is missing before anything else changes. Either all of it can be made, or what was made is
/// thrown away, files included, and nothing has happened.
struct EndpointStore {
    struct Failure: Error {
        /// Every endpoint that cannot be had, in the order of master.cf.
        let problems: [ConfigProblem]
    }

    /// What there is for a plan.
    enum Holding {
        /// The service runs already. Its sockets stay as they are, but for addresses that it gains or loses.
        case kept(RunningService, Relocation?)
        /// Sockets and channel were made for it; no process serves them yet.
        case made(RunningService)
    }

    private var running: [ServiceIdentity: RunningService]
    private var made: [ServiceIdentity: RunningService] = [:]
    private var relocations: [ServiceIdentity: Relocation] = [:]
    private let offered: OfferedSockets?

    /// - Parameters:
    ///   - running: the services that hold sockets; none at start.
    ///   - offered: what a service manager has opened for us; only at start.
    init(running: [RunningService], offered: OfferedSockets? = nil) {
        self.offered = offered
        self.running = Dictionary(running.map { ($0.plan.identity, $0) }) { first, _ in first }
    }

    /// Makes what the model needs and no running service has, in the order of master.cf. New addresses of services that
    /// run are opened to clients when everything else is there, since whoever connects to one that is thrown away is
    /// cut off.
    mutating func prepare(_ model: Model, _ log: Log) throws(Failure) {
        let owner = MailOwner(model.owner)
        var problems: [ConfigProblem] = []
        for plan in model.services {
            do throws(EndpointFailure) {
                try make(plan, model, owner, log)
            } catch {
                problems.append(plan.problem(error.withNeed(of: model), model.settings))
                // What the machine is short of, the others would not get either.
                if error.isShortage { break }
            }
        }
        for plan in model.services where problems.isEmpty {
            do throws(EndpointFailure) {
                try relocations[plan.identity]?.open()
            } catch {
                problems.append(plan.problem(error, model.settings))
            }
        }
        if problems.isEmpty { return }
        discard(owner, log)
        throw Failure(problems: problems)
    }

    private mutating func make(
        _ plan: ServicePlan,
        _ model: Model,
        _ owner: MailOwner,
        _ log: Log
    ) throws(EndpointFailure) {
        if let service = running[plan.identity] {
            relocations[plan.identity] = try Relocation(of: service, to: plan, model.settings)
        } else if let offered, let service = try RunningService.adopt(plan, from: offered, model.settings, log) {
            made[plan.identity] = service
        } else {
            // The path may still belong to a running service of another type.
            let isTaken = running.values.contains { $0.plan.endpoint.path == plan.endpoint.path }
            let path = isTaken ? plan.endpoint.draftPath : nil
            made[plan.identity] = try RunningService.make(plan, at: path, owner: owner, model.settings, log)
        }
    }

    /// What there is for one service of the prepared model; each is handed out once.
    mutating func claim(_ identity: ServiceIdentity) -> Holding? {
        if let service = running.removeValue(forKey: identity) {
            return .kept(service, relocations.removeValue(forKey: identity))
        }
        return made.removeValue(forKey: identity).map { .made($0) }
    }

    /// The running service that has this path, if nobody has claimed it.
    mutating func claimHolder(ofPath path: String) -> RunningService? {
        running.first { $0.value.plan.endpoint.path == path }.flatMap { running.removeValue(forKey: $0.key) }
    }

    /// The running services that nobody claimed: they are no longer configured.
    var leftovers: [RunningService] { Array(running.values) }

    /// Removes the files that were made for nothing.
    mutating func discard(_ owner: MailOwner, _ log: Log) {
        for service in made.values { service.removeFile(owner, log) }
        made = [:]
        relocations = [:]
    }
}
