//===----------------------------------------------------------------------===//
// Quartermaster: tests of a log receiver that listens for connections
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct StreamReceiverTests {
    @Test("a receiver with a full queue of connections does not hold up the sender, and no line is lost")
    func fullQueue() async {
        await #expect(processExitsWith: .success) {
            // A connect that waits would do so for ever.
            armSelfDestruct(seconds: 60)
            let home = try TemporaryDirectory("qm-stream")
            let address = try #require(SocketAddress(unixPath: home.file("socket")))
            let listener = try makeSocket(.unix, .stream)
            try listener.number.bind(to: address)
            try listener.number.listen(backlog: 1)
            try listener.number.setNonBlocking(true)
            var crowd = DescriptorList()
            var isFull = false
            for _ in 0..<100 where !isFull {
                let client = try makeSocket(.unix, .stream)
                try client.number.setNonBlocking(true)
                do throws(SystemError) {
                    try client.number.connect(to: address)
                } catch {
                    #expect(error.code == .resourceTemporarilyUnavailable)
                    isFull = true
                }
                crowd.append(client)
            }
            #expect(isFull)
            let log = Log(
                ident: "a",
                host: nil,
                destination: .postlog(socket: home.file("socket"), file: nil),
                waits: false
            )
            for number in 0..<3 { log.info("line \(number)") }
            #expect(log.hasPending)
            while case .client = try listener.number.accept() {}
            log.flush()
            #expect(!log.hasPending)
            switch try listener.number.accept() {
            case .nothing: Issue.record("the log did not connect")
            case .client(let connection):
                let bytes = try connection.number.read(atMost: 4096) ?? []
                let lines = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                #expect(lines.map { $0.suffix(6) } == ["line 0", "line 1", "line 2"])
            }
        }
    }
}
