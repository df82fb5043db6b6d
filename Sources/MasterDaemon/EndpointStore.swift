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
    struct Failure: Error { let problem: ConfigProblem }

    /// What there is for a plan.
    enum Holding {
        /// The service runs already; its sockets stay as they are.
        case kept(RunningService)
        /// Sockets and channel were made for it; no process serves them yet.
        case made(RunningService)
    }

    private var running: [ServiceIdentity: RunningService]
    private var made: [ServiceIdentity: RunningService] = [:]

    /// - Parameter running: the services that hold sockets; none at start.
    init(running: [RunningService]) {
        self.running = Dictionary(running.map { ($0.plan.identity, $0) }) { first, _ in first }
    }

    /// Makes what the model needs and no running service has, in the order of master.cf.
    mutating func prepare(_ model: Model, _ log: Log) throws(Failure) {
        let owner = MailOwner(model.owner)
        let taken = Set(running.values.compactMap(\.plan.endpoint.path))
        for plan in model.services where running[plan.identity] == nil {
            // The path still belongs to a running service of another type.
            let path = plan.endpoint.path.flatMap { taken.contains($0) ? $0 + ".new" : nil }
            let failure: EndpointFailure
            do throws(EndpointFailure) {
                made[plan.identity] = try RunningService.make(plan, at: path, owner: owner, model.settings, log)
                continue
            } catch {
                failure = error
            }
            discard(owner, log)
            throw Failure(problem: plan.problem(failure.withNeed(of: model), model.settings))
        }
    }

    /// What there is for one service of the prepared model; each is handed out once.
    mutating func take(_ identity: ServiceIdentity) -> Holding? {
        if let service = running.removeValue(forKey: identity) { return .kept(service) }
        return made.removeValue(forKey: identity).map { .made($0) }
    }

    /// The running service that has this path, if it was not taken.
    mutating func takeHolder(ofPath path: String) -> RunningService? {
        running.first { $0.value.plan.endpoint.path == path }.flatMap { running.removeValue(forKey: $0.key) }
    }

    /// The running services that were not taken: they are no longer configured.
    var leftovers: [RunningService] { Array(running.values) }

    /// Removes the files that were made for nothing.
    mutating func discard(_ owner: MailOwner, _ log: Log) {
        for service in made.values { service.removeFile(owner, log) }
        made = [:]
    }
}

extension EndpointFailure {
    /// When descriptors ran out, how many would have been enough.
    fileprivate func withNeed(of model: Model) -> EndpointFailure {
        guard code == .tooManyOpenFiles else { return self }
        return EndpointFailure(text: "\(text) (master needs a limit of \(model.descriptorNeed) open files)", code: code)
    }
}

extension Model {
    /// A limit of open files that is enough for these services, their status channels, and what master opens besides:
    /// its log, its locks, wake-ups, and the files of a reload.
    var descriptorNeed: Int {
        Int(ChildImage.lowestSource) + 16 + services.reduce(0) { $0 + $1.endpoint.socketCount + 2 }
    }
}

extension RunningService {
    /// A service with sockets and a status channel that does not serve yet.
    static func make(
        _ plan: ServicePlan,
        at temporaryPath: String? = nil,
        owner: MailOwner,
        _ settings: MainSettings,
        _ log: Log
    ) throws(EndpointFailure) -> RunningService {
        // The channel first: it leaves no file behind when the sockets cannot be made.
        let channel = try Endpoint.step("socketpair") { () throws(SystemError) in try StatusChannel() }
        let listeners: DescriptorList
        if case .inet = plan.endpoint {
            listeners = try Endpoint.make(plan.endpoint, backlog: plan.backlog, windowSize: settings.tcpWindowSize)
        } else {
            // What lies in the file system belongs to the mail owner.
            let endpoint = temporaryPath.map { EndpointPlan.path($0, plan.entry.type) } ?? plan.endpoint
            listeners = try owner.perform(log) { () throws(EndpointFailure) in
                try Endpoint.make(endpoint, backlog: plan.backlog, windowSize: 0)
            }
        }
        return RunningService(plan, listeners: listeners, channel: channel, temporaryPath: temporaryPath)
    }

    /// Puts an endpoint that was made beside its path where it belongs.
    func settle(_ owner: MailOwner, _ log: Log) throws(EndpointFailure) {
        guard let temporary = temporaryPath, let path = plan.endpoint.path else { return }
        try Endpoint.step("rename \(temporary) to \(path)") { () throws(SystemError) in
            try owner.perform(log) { () throws(SystemError) in try renameFile(temporary, to: path) }
        }
        temporaryPath = nil
    }

    /// Removes the file of an endpoint that will not be served.
    func removeFile(_ owner: MailOwner, _ log: Log) {
        guard let path = temporaryPath ?? plan.endpoint.path else { return }
        owner.perform(log) { try? SystemCalls.removeFile(path) }
    }
}
