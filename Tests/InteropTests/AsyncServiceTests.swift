//===----------------------------------------------------------------------===//
// Quartermaster: async services in a Postfix of Debian's
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    @Suite("Async services") struct AsyncServices {
        private func sandbox(_ master: MasterUnderTest, _ services: String...) throws -> PostfixSandbox {
            let sandbox = try master.sandbox()
            try sandbox.install(BuiltProducts.path("test-async-service"), as: "test-async-service")
            for service in services { try sandbox.addService(service) }
            return sandbox
        }

        @Test("served across reloads without a lost line", arguments: [MasterUnderTest.debian, .quartermaster])
        func reloads(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, "talk unix n - n - 3 test-async-service")
            defer { sandbox.destroy() }
            try sandbox.start()
            let clients = LineClients(.path(sandbox.queueDirectory + "/public/talk"), count: 4)
            defer { clients.finish() }
            #expect(clients.answered(40), "\(sandbox.logTail())")
            for round in 0..<3 {
                try sandbox.reload()
                #expect(clients.answered(40), "after reload \(round + 1)\n\(sandbox.logTail())")
            }
            let ledger = clients.finish()
            #expect(ledger.losses == [], "\(ledger)\n\(sandbox.logTail())")
            #expect(ledger.sent == ledger.answered)
            #expect(sandbox.alarms == [])
        }

        @Test("a whole Postfix stops while a handler waits", arguments: [MasterUnderTest.debian, .quartermaster])
        func stop(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, "talk unix n - n - 3 test-async-service")
            defer { sandbox.destroy() }
            try sandbox.start()
            let client = try Caller(.path(sandbox.queueDirectory + "/public/talk"))
            #expect(client.send("hello\n"))
            #expect(client.readLine() == "hello\n")
            let pids = sandbox.processes(named: "test-async-service").map(\.pid)
            #expect(pids.count == 1)
            #expect(client.send("wait\n"))
            try sandbox.stop()
            #expect(eventually { !pids.contains { ProcessTable.exists($0) } }, "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test(
            "with unpriv and chroot it is the mail owner in the jail, and its log arrives",
            arguments: [
                MasterUnderTest.debian, .quartermaster,
            ]
        )
        func privileges(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, "jailed unix n y y - 1 test-async-service")
            defer { sandbox.destroy() }
            try sandbox.start()
            let client = try Caller(.path(sandbox.queueDirectory + "/public/jailed"))
            let owner = try #require(getpwnam("postfix")).pointee
            #expect(client.send("ids\n"))
            #expect(client.readLine() == "\(owner.pw_uid) \(owner.pw_uid) \(owner.pw_gid)\n")
            let pid = try #require(sandbox.processes(named: "test-async-service").first?.pid)
            let root = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root")
            #expect(root == sandbox.queueDirectory)
            #expect(sandbox.wait(for: "made by uid \(owner.pw_uid)"), "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }
    }
}
