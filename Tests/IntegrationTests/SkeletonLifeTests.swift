//===----------------------------------------------------------------------===//
// Quartermaster: what happens to clients of each skeleton when something happens to their process or its master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// A client that was accepted and has not asked yet, one in the middle of its second request, and one that has its
/// answer; and then a reload, a retirement, a drain, an upgrade, the death of master, or a limit that is reached.
@Suite("Clients of every skeleton", .timeLimit(.minutes(60))) struct SkeletonLifeTests {
    /// Echoes; test-service or test-async-service has it.
    struct Skeleton: Sendable, CustomTestStringConvertible {
        let name: String
        var program = "test-service"
        /// What its clients are greeted with.
        let greeting: String
        /// A request in two pieces, and its answer.
        var halves = (first: "ha", second: "lf\n", answer: "half\n")
        /// Whether a process serves one client until it leaves.
        var hasOneClient = false

        var testDescription: String { name }

        static let all = [
            Skeleton(name: "lines", greeting: ""),
            Skeleton(name: "events", greeting: ""),
            // It reads what follows a w when it has got that.
            Skeleton(name: "blocking", greeting: "hello\n", halves: ("wait", "rest\n", "rest\n"), hasOneClient: true),
            Skeleton(name: "blocking-crowd", greeting: "hello\n"),
            Skeleton(name: "single", greeting: "hello\n", hasOneClient: true),
            Skeleton(name: "async", program: "test-async-service", greeting: ""),
        ]
    }

    enum Incident: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case reload, retire, drain, upgrade, killed, usedUp
        var testDescription: String { rawValue }
    }

    private final class Scene {
        let skeleton: Skeleton
        let system: MailSystem
        let master: RunningProcess
        let place: Place

        init(_ skeleton: Skeleton, _ incident: Incident) throws {
            self.skeleton = skeleton
            // Many clients of one process, or one of each: who connects is accepted in order.
            let limit = skeleton.hasOneClient ? 10 : 1
            let line = "talk unix n - n - \(limit) \(skeleton.program) serve=\(skeleton.name)"
            system = try MailSystem([line], programs: [skeleton.program, "masterctl"])
            place = .path(system.queueDirectory + "/public/talk")
            if incident == .usedUp { try system.setMain(["max_use": "1"]) }
            master = try system.start()
        }

        var processes: [ProcessSnapshot] { system.processes(skeleton.program) }

        func connect() throws -> Caller {
            let client = try Caller(place)
            guard skeleton.greeting.isEmpty || client.readLine() == skeleton.greeting else {
                throw TestSupportError("no greeting:\n\(system.log)")
            }
            return client
        }

        func asks(_ client: Caller, _ line: String) -> Bool {
            client.send(line + "\n") && client.readLine() == line + "\n"
        }

        func changeLine() throws {
            try system.setServices(["\(system.services[0]) ".replacing(" serve=", with: " -o max_idle=77s serve=")])
        }
    }

    @Test("nobody loses a byte", arguments: Skeleton.all, Incident.allCases)
    func noByteIsLost(_ skeleton: Skeleton, _ incident: Incident) throws {
        let scene = try Scene(skeleton, incident)
        let system = scene.system
        defer { system.end() }
        let new = try scene.connect()
        let middle = try scene.connect()
        let answered = try scene.connect()
        #expect(scene.asks(middle, "one"))
        #expect(middle.send(skeleton.halves.first))
        #expect(scene.asks(answered, "two"))
        let before = Set(scene.processes.map(\.pid))
        try system.settle()

        var steering: RunningProcess?
        switch incident {
        case .reload:
            try scene.changeLine()
            #expect(try system.reload())
        case .retire:
            steering = try system.beginMasterctl("retire", "talk")
            #expect(eventually { steering?.output.isEmpty == false })
        case .drain:
            steering = try system.beginMasterctl("drain", "talk")
            #expect(eventually { steering?.output.isEmpty == false })
        case .upgrade: #expect(system.upgrade(), "\(system.log)")
        case .killed:
            scene.master.send(SIGKILL)
            _ = scene.master.finish()
        case .usedUp:
            let other = try scene.connect()
            #expect(scene.asks(other, "other"))
            _ = other.finish()
        }

        #expect(middle.send(skeleton.halves.second))
        #expect(middle.readLine() == skeleton.halves.answer, "\(system.log)")
        #expect(scene.asks(new, "late"), "\(system.log)")
        if incident == .upgrade {
            #expect(scene.asks(answered, "three"))
            #expect(Set(scene.processes.map(\.pid)) == before)
        }
        for client in [new, middle, answered] { _ = client.finish() }
        if let steering { #expect(steering.finish().succeeded, "\(steering.output)") }
        if incident == .drain { #expect(try system.masterctl("resume").succeeded) }
        if incident != .upgrade {
            #expect(eventually { before.isDisjoint(with: scene.processes.map(\.pid)) }, "\(system.log)")
        }
        if incident == .killed { try system.start() }
        #expect(scene.asks(try scene.connect(), "afterwards"), "\(system.log)")
        #expect(!system.log.contains("cut off"), "\(system.log)")
    }
}
