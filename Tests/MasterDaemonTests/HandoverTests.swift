//===----------------------------------------------------------------------===//
// Quartermaster: tests of what one program leaves to the next
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import SystemCalls
import Testing

@testable import MasterDaemon

@Suite("A state that is handed over") struct HandoverTests {
    private static func plan(_ entry: ServiceEntry, _ endpoint: EndpointPlan) -> ServicePlan {
        var settings = ServiceSettings()
        settings.throttleSeconds = 7
        settings.concurrentStarts = 3
        settings.warningSeconds = 5
        settings.receiveBuffer = 9
        return ServicePlan(
            entry: entry,
            identity: ServiceIdentity(canonicalName: "25", type: entry.type),
            endpoint: endpoint,
            backlog: 128,
            settings: settings
        )
    }

    /// Somebody in the middle of a request, somebody who waits, and somebody who does not read.
    private static func desk(waitingFor id: ServiceID) -> Handover.Desk {
        Handover.Desk(
            listener: DescriptorNumber(25),
            clients: [
                Handover.Client(socket: DescriptorNumber(26), line: Array("rel".utf8)),
                Handover.Client(
                    socket: DescriptorNumber(27),
                    stage: .waiting,
                    output: [1, 2, 3],
                    omitted: 4,
                    wait: .drain,
                    services: [id],
                    cutOff: ["smtp/inet pid 5"],
                    cutOffCount: 21
                ),
            ],
            drainOfAll: ControlRequest.Drain(timeoutSeconds: 30, refuses: true),
            stopping: [id]
        )
    }

    /// Two services, one of them with processes and a throttle, and one without a channel.
    private static func sample() -> Handover {
        var policy = Policy()
        let now = PolicyTime(milliseconds: 1_000_000)
        let first = policy.addService(ServiceRules(processLimit: 3), now: now)
        let second = policy.addService(ServiceRules(processLimit: 1, wakeupSeconds: 60), now: now)
        policy.endpointReadable(first, now: now)
        var effects: [Effect] = []
        policy.handOverEffects(into: &effects)
        for case .spawn(let id, let generation, _) in effects {
            policy.spawned(id, pid: 4711, generation: generation, now: now)
        }
        policy.handOverEffects(into: &effects)
        let inet = ServiceEntry(
            nameAsWritten: "smtp",
            type: .inet,
            isUnprivileged: true,
            wakeupSeconds: 60,
            wakeupIsConditional: true,
            processLimit: 3,
            command: "smtpd",
            executablePath: "/usr/lib/smtpd",
            arguments: ["-o", "a=\u{F7FC}"],
            line: 12,
            inetName: InetName(host: nil, port: "smtp")
        )
        let path = ServiceEntry(
            nameAsWritten: "pickup",
            type: .fifo,
            isPrivate: false,
            command: "pickup",
            executablePath: "/usr/lib/pickup"
        )
        let addresses = [
            SocketAddress(ipv4: [127, 0, 0, 1], port: 25),
            SocketAddress(ipv6: [UInt8](repeating: 0, count: 15) + [1], port: 25, scope: 4),
        ]
        return Handover(
            pid: 99,
            processName: "master",
            programPath: "/usr/sbin/master",
            commandLine: ["master", "-w"],
            names: ["host 78 any unknown"],
            versionLine: "one",
            locks: [DescriptorNumber(16), DescriptorNumber(17)],
            flow: [DescriptorNumber(18), DescriptorNumber(19)],
            frozen: FrozenSettings(),
            acceptedMain: Array("a = b\n".utf8) + [0xff],
            owner: UserAccount(name: "mail", uid: 8, gid: 12),
            started: PolicyTime(milliseconds: 4),
            exitTime: PolicyTime(milliseconds: 5),
            isStandingIn: true,
            helpers: [5, 6],
            verbosity: 2,
            areChildrenVerbose: true,
            hasMainStrayed: true,
            reloadWish: ReloadWish(asker: .client(user: 7, pid: 8), retiresAll: false),
            desk: desk(waitingFor: second),
            board: Handover.Board(events: [1, -2, 3], lastEvent: 9, reloads: 4, refusals: 5),
            workerTotals: ["smtp/inet", "other services"],
            unsentWakeups: [second],
            services: [
                Handover.Service(
                    id: first,
                    plan: plan(inet, .inet(addresses)),
                    listeners: [DescriptorNumber(20), DescriptorNumber(21)],
                    channel: Handover.Channel(reader: DescriptorNumber(22), child: DescriptorNumber(23)),
                    formerChannel: Handover.Channel(reader: DescriptorNumber(28), child: DescriptorNumber(29)),
                    isAdopted: true,
                    isRefusing: false
                ),
                Handover.Service(
                    id: second,
                    plan: plan(path, .path("public/pickup", .fifo)),
                    listeners: [DescriptorNumber(24)],
                    channel: nil,
                    formerChannel: nil,
                    isAdopted: false,
                    isRefusing: true
                ),
            ],
            policy: policy
        )
    }

    @Test("every field comes back") func roundTrip() throws {
        let sample = Self.sample()
        let read = try Handover(decoding: sample.encoded)
        #expect(read.encoded == sample.encoded)
        #expect(read.services == sample.services)
        #expect(Set(read.descriptors) == Set((16...29).map { DescriptorNumber($0) }))
        #expect(read.acceptedMain == sample.acceptedMain)
        #expect(
            read.started == sample.started && read.exitTime == sample.exitTime && read.isStandingIn
                && read.helpers == [5, 6]
        )
        #expect(read.unsentWakeups == sample.unsentWakeups)
        #expect(
            read.verbosity == 2 && read.areChildrenVerbose && read.hasMainStrayed
                && read.reloadWish == sample.reloadWish
        )
        #expect(read.desk == sample.desk && read.board == sample.board && read.workerTotals == sample.workerTotals)
        #expect(read.policy.encoded == sample.policy.encoded)
        #expect(read.services[0].plan.asksForNothingNew(of: sample.services[0].plan))
    }

    @Test("a state that is cut off anywhere is refused") func truncations() {
        let bytes = Self.sample().encoded
        for length in 0..<bytes.count {
            #expect(throws: StateProblem.self) { try Handover(decoding: Array(bytes[..<length])) }
        }
        #expect(throws: StateProblem.wrongLength) { try Handover(decoding: bytes + [0]) }
    }

    @Test("whatever single byte is changed, the reader refuses it or reads a state that can be written again")
    func mutilations() throws {
        let bytes = Self.sample().encoded
        for place in bytes.indices {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[place] ^ 1] where value != bytes[place] {
                var changed = bytes
                changed[place] = value
                guard let read = try? Handover(decoding: changed) else { continue }
                #expect(try Handover(decoding: read.encoded).encoded == read.encoded)
            }
        }
    }

    @Test("another version is refused by its number") func version() throws {
        var writer = StateWriter(mark: Handover.mark)
        try writer.begin(version: Handover.version + 1)
        let bytes = writer.sealed
        #expect(throws: StateProblem.unknownVersion(found: Handover.version + 1, known: Handover.version)) {
            try Handover(decoding: bytes)
        }
    }

    @Test("a descriptor with two meanings, and a service that the policy does not know, are refused")
    func contradictions() {
        var twice = Self.sample()
        twice.services[0].listeners[1] = DescriptorNumber(16)
        #expect(throws: StateProblem.badValue) { try Handover(decoding: twice.encoded) }
        var unknown = Self.sample()
        unknown.services[1].id = ServiceID(index: 7, generation: 1)
        #expect(throws: StateProblem.badValue) { try Handover(decoding: unknown.encoded) }
        var standard = Self.sample()
        standard.flow[0] = DescriptorNumber(1)
        #expect(throws: StateProblem.badValue) { try Handover(decoding: standard.encoded) }
        var crowd = Self.sample()
        crowd.desk.clients = (30..<40).map { Handover.Client(socket: DescriptorNumber($0)) }
        #expect(throws: StateProblem.badValue) { try Handover(decoding: crowd.encoded) }
        var fewer = Self.sample()
        fewer.services.removeLast()
        #expect(throws: StateProblem.badValue) { try Handover(decoding: fewer.encoded) }
    }
}
