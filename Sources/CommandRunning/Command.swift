//===----------------------------------------------------------------------===//
// Quartermaster: CommandRunning, programs that a service runs for others, as somebody who may do little
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
package import ServerSkeleton
import SystemCalls

/// A command that is ready to run: what, as whom, with which environment and for how long. Made at the start of a
/// service, while all names can still be looked up; everything that is wrong with it is said then.
package struct Command: Preparation, Sendable {
    /// As master.cf has it, for messages.
    package let name: String
    /// Seconds.
    package let timeLimit: Int
    let arguments: [String]
    let environment: [String]
    /// Where the program may be, in order.
    let paths: [String]
    let identity: (uid: UInt32, gid: UInt32)?
    let descendants = Descendants()
    /// Who the process is while it has nothing to do that takes root's powers; nil when it has none.
    let owner: UserAccount?

    /// The command of the service's line in master.cf. What is wrong with it ends the process.
    package init(of context: inout ServiceContext) {
        let limit = Parameter<Int>.time(
            "\(context.serviceName)_time_limit",
            default: "$command_time_limit",
            min: 1
        )
        timeLimit = context.value(of: limit)
        do throws(ConfigProblem) {
            let attributes = try CommandAttributes(parsing: context.arguments)
            name = attributes.command[0]
            arguments = attributes.command
            (identity, owner) = try Self.identity(attributes, context)
        } catch {
            context.log.fatal(error.logged)
        }
        environment = Self.environment(context)
        paths = Self.paths(name)
    }

    package static let leftBehind = "a command has left processes running -- leaving them to init, and restarting"

    /// `$command_time_limit` refers to this one.
    package static let commonLimit = Parameter<Int>.time("command_time_limit", default: "1000s", min: 1)

    private static func identity(
        _ attributes: CommandAttributes,
        _ context: ServiceContext
    ) throws(ConfigProblem) -> (identity: (uid: UInt32, gid: UInt32)?, owner: UserAccount?) {
        let known = try find("user", attributes.user) { name throws(SystemError) in try userAccount(named: name) }
        guard let user = known else {
            throw .fatal("unknown user name: \(attributes.user)", cure: "Create that user, or name another in user=.")
        }
        var gid = user.gid
        if let group = attributes.group {
            let known = try find("group", group) { name throws(SystemError) in try groupID(named: name) }
            guard let found = known else {
                throw .fatal("unknown group name: \(group)", cure: "Create that group, or name another in user=.")
            }
            gid = found
        }
        let wanted = CommandUser(uid: user.uid, gid: gid, hasOwnGroup: attributes.group != nil)
        guard Identity.realUser == 0 else {
            try wanted.check(asUser: Identity.realUser)
            return (nil, nil)
        }
        let ownerName = context.settings.mailOwner
        let account = try find("user", ownerName) { name throws(SystemError) in try userAccount(named: name) }
        guard let owner = account else {
            throw .fatal("unknown user: \(ownerName)", cure: "Create the user \(ownerName), or change mail_owner.")
        }
        try wanted.check(owner: CommandUser(uid: owner.uid, gid: owner.gid, hasOwnGroup: false))
        return ((wanted.uid, wanted.gid), owner.uid == 0 ? nil : owner)
    }

    /// Nil for who is not there.
    private static func find<Found>(
        _ kind: String,
        _ name: String,
        _ ask: (String) throws(SystemError) -> Found?
    ) throws(ConfigProblem) -> Found? {
        do throws(SystemError) {
            return try ask(name)
        } catch {
            throw .cannotLookUp("\(kind) \"\(name)\"", error)
        }
    }

    /// PATH is as the C library has it for a user without one, whatever is exported.
    private static let path = "/usr/bin:/bin"

    private static func environment(_ context: ServiceContext) -> [String] {
        var problems: [ConfigProblem] = []
        let items = ImportEnvironment.parse(
            context.settings.exportEnvironment,
            of: "export_environment",
            problems: &problems
        )
        if let problem = problems.first { context.log.fatal(problem.logged) }
        let kept = ImportEnvironment.scrub(environment: environmentEntries(), items: items)
        return kept.filter { $0.name != "PATH" }.map { "\($0.name)=\($0.value)" } + ["PATH=\(path)"]
    }

    /// As execvp(3) looks for a program.
    private static func paths(_ name: String) -> [String] {
        if name.utf8.contains(UInt8(ascii: "/")) { return [name] }
        return path.split(separator: ":").map { "\($0)/\(name)" }
    }

    // MARK: powers

    /// From now on the process is the mail owner for all that it does itself, as far as its effective ids go.
    package func shedPowers(_ log: ServiceLog) {
        guard let owner else { return }
        do throws(SystemError) {
            try Identity.borrow(owner)
        } catch {
            log.fatal("set_eugid(\(owner.uid), \(owner.gid)): \(error.reason)")
        }
    }

    /// Whether something that an earlier run has started is still there. It is no business of this process: when that
    /// ends, it is left to init, as a daemon is by everybody else.
    package var hasLeftProcessesBehind: Bool { !descendants.living.isEmpty }

    /// Does `body` as root, if the process is that at heart.
    func withPowers(_ body: () -> Void) {
        guard let owner, (try? Identity.returnToRoot()) != nil else { return body() }
        body()
        // There and back: who may not shed its powers any more must not go on with them.
        guard (try? Identity.borrow(owner)) != nil else { exitAtOnce(ExitStatus.failure) }
    }
}

private enum ExitStatus { static let failure: Int32 = 1 }
