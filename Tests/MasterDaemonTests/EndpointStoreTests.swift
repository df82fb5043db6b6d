//===----------------------------------------------------------------------===//
// Quartermaster: tests of the one road to sockets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite("The store of endpoints") struct EndpointStoreTests {
    private let home: TemporaryDirectory
    private let log = Log(ident: "test", host: nil, destination: .standardError, waits: false)

    init() throws { home = try TemporaryDirectory("qm-store") }

    /// A plan whose endpoint is at this path; the tests' working directory is not the queue directory.
    private func plan(at name: String, _ type: Transport = .unix) -> ServicePlan {
        let entry = ServiceEntry(nameAsWritten: "../\(home.file(name))", type: type, command: "c", executablePath: "/c")
        return ServicePlan(
            entry: entry,
            identity: ServiceIdentity(canonicalName: name, type: type),
            endpoint: .path(home.file(name), type),
            backlog: 10
        )
    }

    private func model(_ plans: [ServicePlan]) throws -> Model {
        let owner = try #require(try userAccount(uid: geteuid()))
        return Model(settings: settings(), owner: owner, services: plans)
    }

    private func exists(_ name: String) -> Bool { (try? facts(ofPath: home.file(name))) != nil }

    private func kept(_ holding: EndpointStore.Holding?) -> RunningService? {
        if case .kept(let service, _)? = holding { return service }
        return nil
    }

    private func made(_ holding: EndpointStore.Holding?) -> RunningService? {
        if case .made(let service)? = holding { return service }
        return nil
    }

    @Test("It hands over what exists, makes what is missing, and leaves the rest")
    func handsOverOrMakes() throws {
        let plans = [plan(at: "a"), plan(at: "b", .fifo)]
        var first = EndpointStore(running: [])
        try first.prepare(try model(plans), log)
        let running = try plans.map { try #require(made(first.claim($0.identity))) }
        #expect(running.map { $0.listeners.count } == [1, 1])
        #expect(first.claim(plans[0].identity) == nil, "each is handed out once")
        var second = EndpointStore(running: running)
        try second.prepare(try model([plans[0], plan(at: "c")]), log)
        #expect(kept(second.claim(plans[0].identity)) === running[0])
        #expect(made(second.claim(plan(at: "c").identity)) != nil)
        #expect(second.leftovers.map { ObjectIdentifier($0) } == [ObjectIdentifier(running[1])])
        #expect(exists("a") && exists("b") && exists("c"))
    }

    @Test("When one cannot be made, none is, and the problem says where and how to cure it")
    func allOrNothing() throws {
        let bad = plan(at: "none/x")
        let model = try model([plan(at: "a"), plan(at: "b", .fifo), bad])
        var store = EndpointStore(running: [])
        let failure = #expect(throws: EndpointStore.Failure.self) { try store.prepare(model, log) }
        #expect(failure?.problems.first?.text == "bind: \(home.file("none/x")): No such file or directory")
        #expect(failure?.problems.first?.file == "/c/master.cf")
        #expect(failure?.problems.first?.cure?.contains("directory exists") == true)
        #expect(!exists("a") && !exists("b"))
        #expect(store.claim(plan(at: "a").identity) == nil)
    }

    @Test("A cure says what is the matter, not what is often the matter")
    func cures() throws {
        let inet = MasterDaemonTests.plan("25", .inet, .inet([]), canonical: "25")
        let cases: [(ServicePlan, Errno, String)] = [
            (inet, .permissionDenied, "Ports below 1024 need root"),
            (inet, .addressNotAvailable, "No interface of this machine has the address"),
            (inet, .addressInUse, "Stop whatever uses the port"),
            (inet, .tooManyOpenFiles, "Raise the limit of open files"),
            (inet, .noMemory, "short of memory"),
            (plan(at: "a"), .permissionDenied, "belongs to postfix"),
            (plan(at: "a"), .fileNameTooLong, "Shorten the name"),
        ]
        for (plan, code, words) in cases {
            let cure = plan.problem(EndpointFailure(text: "x", code: code), settings("mail_owner = postfix")).cure
            #expect(cure?.contains(words) == true, "\(code): \(cure ?? "")")
            #expect(cure?.contains("line 0 of master.cf") == true || code == .tooManyOpenFiles || code == .noMemory)
        }
    }

    @Test("A start with too low a limit of open files says what the limit must be")
    func descriptorLimit() async {
        await #expect(processExitsWith: .success) {
            let home = try TemporaryDirectory("qm-store")
            let log = Log(ident: "test", host: nil, destination: .standardError, waits: false)
            let owner = try #require(try userAccount(uid: geteuid()))
            let endpoint = EndpointPlan.path(home.file("s"), .unix)
            let plans = (0..<20).map { MasterDaemonTests.plan("s\($0)", .unix, endpoint) }
            let model = Model(settings: settings(), owner: owner, services: plans)
            FaultPlan.fail(.socket, with: .tooManyOpenFiles, afterPassing: 3)
            var store = EndpointStore(running: [])
            let failure = #expect(throws: EndpointStore.Failure.self) { try store.prepare(model, log) }
            let text = failure?.problems.first?.text ?? ""
            #expect(text == "socket: Too many open files (master needs a limit of \(model.descriptorNeed) open files)")
            #expect(model.descriptorNeed == Int(ChildImage.lowestSource) + 16 + 60)
        }
    }

    @Test("A new type on the same path waits beside it, and moves in when it is taken up")
    func samePath() throws {
        let old = plan(at: "p", .unix)
        let model = try model([plan(at: "p", .pass)])
        let owner = MailOwner(model.owner)
        var first = EndpointStore(running: [])
        try first.prepare(try self.model([old]), log)
        let running = try #require(made(first.claim(old.identity)))
        let before = try facts(ofPath: home.file("p")).inode
        var second = EndpointStore(running: [running])
        try second.prepare(model, log)
        let fresh = try #require(made(second.claim(model.services[0].identity)))
        #expect(try facts(ofPath: home.file("p")).inode == before, "the old one is still there")
        let inode = try facts(ofPath: home.file("p new")).inode
        try fresh.settle(owner, log)
        #expect(try facts(ofPath: home.file("p")).inode == inode)
        #expect(!exists("p new"))
    }

    @Test("What stands beside a path for a while has a name that no service can have")
    func beside() throws {
        // Names that these files could be called by.
        let others = [plan(at: "p.refused"), plan(at: "p.new"), plan(at: "p-new")]
        let old = plan(at: "p", .unix)
        let owner = MailOwner(try model([]).owner)
        var first = EndpointStore(running: [])
        try first.prepare(try model([old] + others), log)
        let running = try #require(made(first.claim(old.identity)))
        let standing = try others.map { try #require(made(first.claim($0.identity))) }
        func inodes() throws -> [UInt64] {
            try (["p"] + others.map(\.identity.canonicalName)).map { try facts(ofPath: home.file($0)).inode }
        }
        let before = try inodes()
        try running.refuseClients(owner, log)
        #expect(!exists("p") && exists("p refused"))
        #expect(try running.admitClients(owner, log))
        #expect(try inodes() == before)
        try running.refuseClients(owner, log)
        running.leaveEndpoints(owner, log)
        #expect(!exists("p") && !exists("p refused"))

        var second = EndpointStore(running: [running] + standing)
        try second.prepare(try model([plan(at: "p", .pass)] + others), log)
        let fresh = try #require(made(second.claim(plan(at: "p", .pass).identity)))
        try fresh.settle(owner, log)
        #expect(try inodes().dropFirst() == before.dropFirst())
        #expect(exists("p") && !exists("p new"))
    }

    @Test("When it cannot move in, nothing of it is left and the old service keeps the path")
    func cannotMoveIn() throws {
        let old = plan(at: "p", .unix)
        let model = try model([plan(at: "p", .pass)])
        let owner = MailOwner(model.owner)
        var first = EndpointStore(running: [])
        try first.prepare(try self.model([old]), log)
        let running = try #require(made(first.claim(old.identity)))
        var second = EndpointStore(running: [running])
        try second.prepare(model, log)
        let fresh = try #require(made(second.claim(model.services[0].identity)))
        try FileManager.default.removeItem(atPath: home.file("p"))
        try FileManager.default.createDirectory(atPath: home.file("p"), withIntermediateDirectories: false)
        let failure = #expect(throws: EndpointFailure.self) { try fresh.settle(owner, log) }
        #expect(failure?.text == "rename \(home.file("p new")) to \(home.file("p")): Is a directory")
        fresh.removeFile(owner, log)
        #expect(!exists("p new") && exists("p"))
        #expect(second.claimHolder(ofPath: home.file("p")) === running)
        #expect(second.leftovers.isEmpty)
    }
}
