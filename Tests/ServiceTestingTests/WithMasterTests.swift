//===----------------------------------------------------------------------===//
// Quartermaster: tests of a service under a real master, for the time of a test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServiceTesting
import SystemCalls
import Testing

@Suite struct WithMasterTests {
    @Test("services of each type serve, and everything is gone afterwards")
    func serving() throws {
        var directory = ""
        var pid: Int32 = 0
        try withMaster(
            .unix("lines", program: "test-service"),
            .inet("repeat", program: "echo"),
            .datagram("datagrams", program: "test-service", arguments: ["serve=datagrams"])
        ) { master in
            directory = master.directory
            pid = try #require(master.processID)
            let lines = try master.connect("lines")
            try lines.send("one\ntwo\n")
            #expect(try lines.receivedLine() == "one")
            #expect(try lines.received(count: 4) == "two\n")
            let echo = try master.connect("repeat")
            try echo.send("hello")
            #expect(try echo.received(count: 5) == "hello")
            #expect(master.port(of: "repeat") != nil)
            try master.sender("datagrams").send("a datagram")
            #expect(master.logs("received 1: a datagram"), "\(master.log)")
            try master.reload()
            try lines.waitForDisconnect()
            let next = try master.connect("lines")
            try next.send("quit\n")
            #expect(try next.receivedLine() == "bye")
        }
        #expect(kill(pid, 0) == -1)
        #expect(access(directory, F_OK) == -1)
    }

    @Test("ports are given out once, to one program, below those that the kernel gives to clients")
    func ports() throws {
        let ports = try (0..<150).map { _ in try FreePorts.next() }
        #expect(Set(ports).count == ports.count)
        #expect(ports.allSatisfy { $0 < 32_000 })
        for block in Set(ports.map { $0 / 100 * 100 }) {
            let name = try #require(SocketAddress(abstractName: "quartermaster-test-ports-\(block)"))
            let mark = try makeSocket(.unix, .datagram)
            #expect(throws: SystemError.self, "no other program can have the block") {
                try mark.number.bind(to: name)
            }
            try mark.close()
        }
    }

    @Test("an error of the body comes with the log; a program that is not there is named")
    func failing() {
        let error = #expect(throws: ServiceTestError.self) {
            try withMaster(.unix("echo", program: "echo")) { _ in throw CancellationError() }
        }
        #expect(error?.description.contains("CancellationError") == true)
        #expect(error?.description.contains("daemon started -- version ") == true)
        let missing = #expect(throws: (any Error).self) {
            try withMaster(.unix("echo", program: "no-such-program")) { _ in }
        }
        #expect("\(missing as Any)".contains("/no-such-program: build it first"))
    }

    @Test("a setting that master refuses fails the test with master's words")
    func refused() {
        let error = #expect(throws: ServiceTestError.self) {
            try withMaster(.unix("echo", program: "echo"), settings: ["inet_protocols": "ipv9"]) { _ in }
        }
        #expect(error?.description.contains("ipv9") == true, "\(error?.description ?? "")")
    }
}
