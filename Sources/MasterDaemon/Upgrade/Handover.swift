//===----------------------------------------------------------------------===//
// Quartermaster: what one program of master leaves to the next in the same process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import SystemCalls

/// Everything that a program has to know to go on as this master: its decisions so far, its services, and which open
/// descriptor is what. What belongs to the process stays by itself: pid, children, locks, directory, environment.
///
/// Written as bytes by `encoded` and read by `init(decoding:)`, which go through one list of fields. The bytes are in a
/// sealed file, so nobody but a master of this process has written them; they are checked all the same.
struct Handover {
    /// Grows by one with each change of the fields, or of what they mean. A program takes over from its own version
    /// only.
    static let version: Int64 = 5
    /// "QMMASTER", least significant byte first.
    static let mark: Int64 = 0x5245_5453_414D_4D51

    /// One service that is active or leaving.
    struct Service: Equatable {
        var id: ServiceID
        var plan: ServicePlan
        var listeners: [DescriptorNumber]
        var channel: Channel?
        /// While a retirement is under way: the channel of those who are to leave.
        var formerChannel: Channel?
        var isAdopted: Bool
        var isRefusing: Bool
        /// How many of the listeners, the last ones, are of addresses that the service has lost.
        var outgoing = 0
    }

    struct Channel: Equatable {
        var reader: DescriptorNumber
        var child: DescriptorNumber

        fileprivate var numbers: [DescriptorNumber] { [reader, child] }
    }

    /// The process that wrote this.
    var pid: Int32
    /// What the process calls itself in its messages and lock files, whatever the next program's file is called.
    var processName: String
    /// The file of the program that hands over, for the case that it is executed again.
    var programPath: String
    /// The whole command line, which the next program gets too.
    var commandLine: [String]
    /// What the names in the configuration mean, as the trial has found it out: lines of `NameBook`.
    var names: [String]
    /// What the program that hands over calls itself.
    var versionLine: String
    var locks: [DescriptorNumber]
    var flow: [DescriptorNumber]
    var frozen: FrozenSettings
    /// main.cf as it was accepted last, and the account that its mail_owner is.
    var acceptedMain: [UInt8]
    var owner: UserAccount
    /// When master was started, whatever program that was.
    var started: PolicyTime
    /// When `-e` ends master.
    var exitTime: PolicyTime?
    var isStandingIn: Bool
    /// Processes without a service that will have to be reaped.
    var helpers: [Int32]
    /// Of master's own log lines, as `masterctl verbose` has it by now, and whether children are started with -v.
    var verbosity: Int
    var areChildrenVerbose: Bool
    /// Processes may have started with a main.cf that was not accepted.
    var hasMainStrayed: Bool
    /// A reload was under way, or asked for: it begins anew.
    var reloadWish: ReloadWish?
    var desk: Desk
    var board: Board
    /// Of the page that daemons count in, if there is one: whose counts its totals are.
    var workerTotals: [String]?
    /// Services whose wake-up was not delivered yet.
    var unsentWakeups: [ServiceID]
    var services: [Service]
    var policy: Policy

    /// Every descriptor that has to stay open.
    var descriptors: [DescriptorNumber] {
        locks + flow + desk.descriptors
            + services.flatMap { service in
                service.listeners + (service.channel?.numbers ?? []) + (service.formerChannel?.numbers ?? [])
            }
    }
}

// As bytes.
extension Handover {
    var encoded: [UInt8] {
        var copy = self
        var writer = StateWriter(mark: Self.mark)
        do {
            try copy.code(with: &writer)
        } catch {
            preconditionFailure("writing a handover cannot fail: \(error)")
        }
        return writer.sealed
    }

    init(decoding bytes: [UInt8]) throws(StateProblem) {
        self.init(
            pid: 0,
            processName: "",
            programPath: "",
            commandLine: [],
            names: [],
            versionLine: "",
            locks: [],
            flow: [],
            frozen: FrozenSettings(),
            acceptedMain: [],
            owner: UserAccount(name: "", uid: 0, gid: 0),
            started: PolicyTime(milliseconds: 0),
            exitTime: nil,
            isStandingIn: false,
            helpers: [],
            verbosity: 0,
            areChildrenVerbose: false,
            hasMainStrayed: false,
            reloadWish: nil,
            desk: Desk(),
            board: Board(),
            workerTotals: nil,
            unsentWakeups: [],
            services: [],
            policy: Policy()
        )
        var reader = try StateReader(bytes, mark: Self.mark)
        try code(with: &reader)
        guard reader.isAtEnd else { throw .wrongLength }
        guard locks.count == 2, flow.count == 2, areConsistent else { throw .badValue }
    }

    /// Each descriptor is one thing, and the services are those of the policy.
    private var areConsistent: Bool {
        let all = descriptors
        guard Set(all).count == all.count, all.allSatisfy({ $0.rawValue > 2 }), desk.isConsistent else { return false }
        guard services.allSatisfy({ 0...$0.listeners.count ~= $0.outgoing }) else { return false }
        return services.allSatisfy { policy.view(of: $0.id) != nil }
            && services.count == Set(services.map(\.id.index)).count && services.count == policy.serviceCount
    }

    private mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.begin(version: Self.version)
        try coder.code(&pid)
        try coder.code(&processName)
        try coder.code(&programPath)
        try coder.code(&commandLine)
        try coder.code(&names)
        try coder.code(&versionLine)
        try coder.code(&locks)
        try coder.code(&flow)
        try frozen.code(with: &coder)
        try coder.code(&acceptedMain)
        var (name, uid, gid) = (owner.name, owner.uid, owner.gid)
        try coder.code(&name)
        try coder.code(&uid)
        try coder.code(&gid)
        owner = UserAccount(name: name, uid: uid, gid: gid)
        try coder.code(&started)
        try coder.code(&exitTime)
        try coder.code(&isStandingIn)
        try coder.code(&helpers, blank: 0) { coder, pid throws(StateProblem) in try coder.code(&pid) }
        try coder.code(&verbosity)
        try coder.code(&areChildrenVerbose)
        try coder.code(&hasMainStrayed)
        try coder.code(&reloadWish, absent: ReloadWish()) { coder, wish throws(StateProblem) in
            try wish.code(with: &coder)
        }
        try desk.code(with: &coder)
        try board.code(with: &coder)
        try coder.code(&workerTotals, absent: []) { coder, names throws(StateProblem) in try coder.code(&names) }
        try coder.code(&unsentWakeups, blank: ServiceID(index: 0, generation: 0)) { coder, id throws(StateProblem) in
            try id.code(with: &coder)
        }
        try coder.code(&services, blank: .blank) { coder, service throws(StateProblem) in
            try service.code(with: &coder)
        }
        var decisions = policy.encoded
        try coder.code(&decisions)
        policy = try Policy(decoding: decisions)
    }
}

extension Handover.Service {
    fileprivate static var blank: Handover.Service {
        Handover.Service(
            id: ServiceID(index: 0, generation: 0),
            plan: .blank,
            listeners: [],
            channel: nil,
            formerChannel: nil,
            isAdopted: false,
            isRefusing: false
        )
    }

    fileprivate mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try id.code(with: &coder)
        try plan.code(with: &coder)
        try coder.code(&listeners)
        try coder.code(&channel)
        try coder.code(&formerChannel)
        try coder.code(&isAdopted)
        try coder.code(&isRefusing)
        try coder.code(&outgoing)
    }
}

extension StateCoder {
    mutating func code(_ number: inout DescriptorNumber) throws(StateProblem) {
        var raw = number.rawValue
        try code(&raw)
        number = DescriptorNumber(raw)
    }

    fileprivate mutating func code(_ channel: inout Handover.Channel?) throws(StateProblem) {
        let none = Handover.Channel(reader: DescriptorNumber(-1), child: DescriptorNumber(-1))
        try code(&channel, absent: none) { coder, channel throws(StateProblem) in
            try coder.code(&channel.reader)
            try coder.code(&channel.child)
        }
    }

    fileprivate mutating func code(_ numbers: inout [DescriptorNumber]) throws(StateProblem) {
        try code(&numbers, blank: DescriptorNumber(-1)) { coder, number throws(StateProblem) in
            try coder.code(&number)
        }
    }
}
