//===----------------------------------------------------------------------===//
// Quartermaster: the sockets of services that are about to exist
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// What a new service needs of the kernel: bound endpoints and a status channel.
final class FreshService {
    let plan: ServicePlan
    var listeners: DescriptorList
    var channel: StatusChannel?
    /// Where the endpoint is for now, when its path still belongs to a running service of another type.
    let temporaryPath: String?

    static func make(
        _ plan: ServicePlan,
        at temporaryPath: String? = nil,
        owner: MailOwner,
        settings: MainSettings,
        _ log: Log
    ) throws(EndpointFailure) -> FreshService {
        let listeners = try plan.makeEndpoint(at: temporaryPath, owner: owner, settings: settings, log)
        do throws(SystemError) {
            let channel = try StatusChannel()
            return FreshService(plan: plan, listeners: listeners, channel: channel, temporaryPath: temporaryPath)
        } catch {
            throw EndpointFailure(text: "\(error.call.rawValue): \(error.reason)")
        }
    }

    private init(
        plan: ServicePlan,
        listeners: consuming DescriptorList,
        channel: consuming StatusChannel,
        temporaryPath: String?
    ) {
        self.plan = plan
        self.listeners = listeners
        self.channel = consume channel
        self.temporaryPath = temporaryPath
    }
}

/// Makes everything for services that do not run yet, before anything else changes. Either all of it can be made, or
/// what was made is thrown away and nothing has happened.
struct FreshEndpoints {
    struct Failure: Error { let problem: ConfigProblem }

    private let running: Set<ServiceIdentity>
    private let runningPaths: Set<String>
    private var made: [FreshService] = []

    init(running: [ServicePlan]) {
        self.running = Set(running.map(\.identity))
        runningPaths = Set(running.compactMap(\.entry.endpointPath))
    }

    mutating func prepare(_ model: Model, _ log: Log) throws(Failure) {
        for plan in model.services where !running.contains(plan.identity) {
            let failure: EndpointFailure
            do throws(EndpointFailure) {
                let path = plan.entry.endpointPath.flatMap { runningPaths.contains($0) ? $0 + ".new" : nil }
                let owner = MailOwner(model.owner)
                made.append(
                    try FreshService.make(plan, at: path, owner: owner, settings: model.settings, log)
                )
                continue
            } catch {
                failure = error
            }
            throw Failure(problem: plan.problem(failure, model.settings))
        }
    }

    /// What was made for one service, once, and under its own name from now on.
    mutating func take(_ identity: ServiceIdentity, _ owner: MailOwner, _ log: Log) -> FreshService? {
        guard let index = made.firstIndex(where: { $0.plan.identity == identity }) else { return nil }
        let fresh = made.remove(at: index)
        guard let temporary = fresh.temporaryPath, let path = fresh.plan.entry.endpointPath else { return fresh }
        do throws(SystemError) {
            try owner.perform(log) { () throws(SystemError) in try renameFile(temporary, to: path) }
        } catch {
            log.warning("rename \(temporary) to \(path): \(error.reason)")
        }
        return fresh
    }

    /// Removes the files that were made for nothing.
    func discard(_ owner: MailOwner, _ log: Log) {
        owner.perform(log) {
            for fresh in made {
                if let path = fresh.temporaryPath ?? fresh.plan.entry.endpointPath { try? removeFile(path) }
            }
        }
    }
}

extension ServicePlan {
    /// Makes the endpoint: inet as we are, everything in the file system as the mail owner, at `otherPath` if given.
    func makeEndpoint(
        at otherPath: String? = nil,
        owner: MailOwner,
        settings: MainSettings,
        _ log: Log
    ) throws(EndpointFailure) -> DescriptorList {
        if case .inet = endpoint {
            return try Endpoint.make(endpoint, backlog: backlog, windowSize: settings.tcpWindowSize)
        }
        return try owner.perform(log) { () throws(EndpointFailure) in
            let plan = otherPath.map { EndpointPlan.path($0, entry.type) } ?? endpoint
            return try Endpoint.make(plan, backlog: backlog, windowSize: 0)
        }
    }

    func problem(_ failure: EndpointFailure, _ settings: MainSettings) -> ConfigProblem {
        let cure =
            entry.endpointPath == nil
            ? "Stop whatever uses the port, or give the service (master.cf line \(entry.line)) another."
            : "Check that the directory exists in the queue directory and belongs to \(settings.mailOwner);"
                + " the service is on line \(entry.line) of master.cf."
        return ConfigProblem(.fatal, failure.text, file: settings.masterPath, line: entry.line, cure: cure)
    }

    /// This plan on the sockets that another one of the same identity has.
    func keepingEndpoint(of running: ServicePlan) -> ServicePlan {
        ServicePlan(entry: entry, identity: identity, endpoint: running.endpoint, backlog: running.backlog)
    }
}
