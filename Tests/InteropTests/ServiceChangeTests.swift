//===----------------------------------------------------------------------===//
// Quartermaster: services that come, change and go with a reload
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Edits of master.cf, taken up by `postfix reload`, with real daemons behind them.
    @Suite("Services changed by reload") struct ServiceChanges {
        @Test("a service is added, changed and removed", arguments: [MasterUnderTest.quartermaster, .debian])
        func addChangeRemove(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            let pid = sandbox.masterPID
            let port = try FreePort.next()
            let name = "127.0.0.1:\(port)"
            let smtpd = "\(name) inet n - n - - smtpd -o { smtpd_banner = "
            #expect(!(try Client.touch("inet", name).succeeded), "nothing listens yet")

            try sandbox.addService(smtpd + "first sandbox }")
            try sandbox.reload()
            // The sandbox's own services are changed by now; this one comes behind them.
            let added = try eventually {
                try Client.greeting(port: port) == "220 first sandbox\r\n"
            }
            #expect(added, "\(sandbox.logTail())")

            try sandbox.replaceService(name, "inet", with: smtpd + "second sandbox }")
            try sandbox.reload()
            let changed = try eventually {
                try Client.greeting(port: port) == "220 second sandbox\r\n"
            }
            #expect(changed, "\(sandbox.logTail())")

            try sandbox.removeService(name, "inet")
            try sandbox.reload()
            let refused = try eventually { try !Client.touch("inet", name).succeeded }
            #expect(refused, "nothing listens any more")
            let gone = eventually { sandbox.processes(ofService: name).isEmpty }
            #expect(gone, "\(sandbox.processes(ofService: name))")

            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 sandbox.example"), "others go on")
            #expect(sandbox.masterPID == pid)
            #expect(sandbox.alarms == [])
        }

        @Test("processes of a removed service end, also busy ones", arguments: [MasterUnderTest.quartermaster])
        func removalEndsBusyProcesses(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let port = try FreePort.next()
            let name = "127.0.0.1:\(port)"
            try sandbox.install(BuiltProducts.path("wire-probe"), as: "wire-probe")
            try sandbox.addService("\(name) inet n - n - 5 wire-probe")
            try sandbox.start()
            let client = try Client.hold(port: port)
            #expect(client.firstOutput() != nil)
            let busy = sandbox.processes(ofService: name)
            #expect(busy.count == 1)
            try sandbox.removeService(name, "inet")
            try sandbox.reload()
            let gone = eventually { sandbox.processes(ofService: name).isEmpty }
            #expect(gone, "\(sandbox.processes(ofService: name))")
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "others go on")
            #expect(sandbox.alarms == [], "ended on purpose: not worth a warning")
        }

        @Test(
            "a reload retires every idle daemon, keeps the connected ones",
            arguments: [
                MasterUnderTest.quartermaster
            ]
        )
        func reloadRetires(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            let client = try Client.hold(port: sandbox.smtpPort)
            #expect(client.firstOutput()?.hasPrefix("220 ") == true)
            #expect(eventually { !sandbox.processes(named: "pickup").isEmpty })
            let before = Set(sandbox.processes.map(\.pid))
            let connected = try #require(sandbox.processes(named: "smtpd").first)
            let idle = try #require(sandbox.processes(named: "pickup").first)

            try sandbox.reload()
            let retired = eventually {
                !ProcessTable.exists(idle.pid) && sandbox.processes(named: "pickup").first != nil
            }
            #expect(retired, "\(sandbox.processes)")
            #expect(before.contains(connected.pid) && ProcessTable.exists(connected.pid), "a session is not cut off")
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "new ones are served meanwhile")
            #expect(ProcessTable.exists(connected.pid))
            client.end()
            let left = eventually { !ProcessTable.exists(connected.pid) }
            #expect(left, "it leaves after its last client")
            #expect(sandbox.alarms == [])
        }
    }
}
