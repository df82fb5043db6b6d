//===----------------------------------------------------------------------===//
// Quartermaster: relay under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    @Suite("Relay") struct Relay {
        static let masters = [MasterUnderTest.quartermaster, .debian]

        /// A sandbox with a relay on a port, and the port of an upstream that is not there yet.
        struct Scene {
            let sandbox: PostfixSandbox
            let port: UInt16
            let upstream: UInt16

            /// - Parameters:
            ///   - type: what stands between name and command in master.cf.
            ///   - options: what else; `PORT` and `QUEUE` are replaced.
            init(_ master: MasterUnderTest, fields: String = "n - n - 1", _ options: [String] = []) throws {
                let ports = try FreePort.several(2)
                port = ports[0]
                upstream = ports[1]
                sandbox = try master.sandbox()
                try sandbox.install(BuiltProducts.path("relay"), as: "relay")
                let settings = ["relay_upstreams=127.0.0.1:PORT"] + options
                let words = settings.map {
                    "-o "
                        + $0.replacing("PORT", with: String(upstream)).replacing("QUEUE", with: sandbox.queueDirectory)
                }
                try sandbox.addService("127.0.0.1:\(port) inet \(fields) relay " + words.joined(separator: " "))
            }

            func server() throws -> StreamServerEnd { try StreamServerEnd(.port(upstream)) }

            func client(source: UInt8 = 1) throws -> StreamEnd { try StreamEnd(.port(port), source: source) }

            /// A client and what it becomes behind the relay.
            func pair(_ server: StreamServerEnd) throws -> (client: StreamEnd, server: StreamEnd) {
                let client = try client()
                return (client, try #require(server.accept(), "\(sandbox.logTail())"))
            }

            var workers: [Int32] { sandbox.processes(named: "relay").map(\.pid) }
        }

        // MARK: directions and their ends

        @Test("each direction ends by itself, after all that was sent in it", arguments: masters)
        func halfClose(_ master: MasterUnderTest) throws {
            let scene = try Scene(master)
            defer { scene.sandbox.destroy() }
            try scene.sandbox.start()
            let server = try scene.server()
            let long = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

            let (client, behind) = try scene.pair(server)
            let sink = StreamSink(behind)
            #expect(client.send(long))
            client.finish()
            var sum = StreamSum()
            sum.add(long)
            #expect(sink.finish() == sum, "the upstream reads an end of file after all bytes")
            #expect(behind.send("still here"), "and may go on")
            #expect(client.read(exactly: 10) == "still here")
            behind.close()
            #expect(client.read() == .ended)

            let (other, first) = try scene.pair(server)
            #expect(first.send("hello"))
            first.finish()
            #expect(other.reads("hello"), "the same the other way round")
            #expect(other.send("thank you"))
            #expect(first.read(exactly: 9) == "thank you")
            other.close()
            #expect(first.read() == .ended)
            #expect(scene.sandbox.alarms == [])
        }

        @Test("a reset on one side is a reset on the other", arguments: masters)
        func reset(_ master: MasterUnderTest) throws {
            let scene = try Scene(master)
            defer { scene.sandbox.destroy() }
            try scene.sandbox.start()
            let server = try scene.server()
            for isClients in [true, false] {
                let (client, behind) = try scene.pair(server)
                #expect(client.send("x"))
                #expect(behind.read(exactly: 1) == "x")
                if isClients { client.reset() } else { behind.reset() }
                #expect((isClients ? behind : client).read() == .reset)
            }
            #expect(scene.sandbox.alarms == [])
        }

        // MARK: who the upstream thinks it is

        @Test("an upstream is told in the PROXY protocol who connects, before everything else", arguments: masters)
        func proxyHeader(_ master: MasterUnderTest) throws {
            for version in ["v1", "v2"] {
                let scene = try Scene(master, ["relay_proxy_protocol=\(version)"])
                defer { scene.sandbox.destroy() }
                try scene.sandbox.start()
                let server = try scene.server()
                let client = try scene.client(source: 9)
                #expect(client.send("EHLO"))
                client.finish()
                let behind = try #require(server.accept(), "\(scene.sandbox.logTail())")
                let (bytes, end) = behind.readAll()
                #expect(end == .ended)
                #expect(bytes.suffix(4) == Array("EHLO".utf8))
                if version == "v1" {
                    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
                    #expect(words.prefix(4) == ["PROXY", "TCP4", "127.0.0.9", "127.0.0.1"])
                    #expect(words.last == "\(scene.port)\r\nEHLO")
                } else {
                    let start: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12]
                    #expect(Array(bytes.prefix(16)) == start)
                    #expect(Array(bytes.dropFirst(16).prefix(8)) == [127, 0, 0, 9, 127, 0, 0, 1])
                    #expect(Array(bytes.dropFirst(26).prefix(2)) == [UInt8(scene.port >> 8), UInt8(scene.port & 255)])
                    #expect(bytes.count == 32)
                }
            }
        }

        @Test("Debian's smtpd learns from the header who its client is", arguments: masters)
        func smtpd(_ master: MasterUnderTest) throws {
            let scene = try Scene(master, ["relay_proxy_protocol=v1", "relay_upstreams=unix:public/behind"])
            defer { scene.sandbox.destroy() }
            try scene.sandbox.addService("behind unix n - n - 10 smtpd -o smtpd_upstream_proxy_protocol=haproxy")
            try scene.sandbox.start()
            let client = try scene.client(source: 77)
            let greeting = try #require(client.read(exactly: 4), "\(scene.sandbox.logTail())")
            #expect(greeting == "220 ")
            #expect(client.send("QUIT\r\n"))
            let rest = client.readAll()
            #expect(String(decoding: rest.bytes, as: UTF8.self).contains("221 2.0.0 Bye"))
            #expect(rest.end == .ended)
            #expect(scene.sandbox.wait(for: "connect from unknown[127.0.0.77]"), "\(scene.sandbox.logTail())")
            #expect(scene.sandbox.alarms == [])
        }

        @Test("a connection that is passed on is relayed, with its own addresses", arguments: masters)
        func pass(_ master: MasterUnderTest) throws {
            let scene = try Scene(master)
            defer { scene.sandbox.destroy() }
            let line = "handed pass n - n - 1 relay -o relay_upstreams=127.0.0.1:\(scene.upstream)"
            try scene.sandbox.addService(line + " -o relay_proxy_protocol=v1")
            try scene.sandbox.start()
            let server = try scene.server()
            let front = try StreamServerEnd(.port(try FreePort.next()))
            let client = try StreamEnd(front.place, source: 33)
            let sender = try StreamEnd(.path(scene.sandbox.queueDirectory + "/public/handed"))
            let passed = try #require(front.accept())
            try passed.pass(over: sender)
            #expect(sender.send([0]))
            passed.close()
            #expect(client.send("hello"))
            client.finish()
            let behind = try #require(server.accept(), "\(scene.sandbox.logTail())")
            let text = String(decoding: behind.readAll().bytes, as: UTF8.self)
            #expect(text.hasPrefix("PROXY TCP4 127.0.0.33 127.0.0.1 "))
            #expect(text.hasSuffix("\r\nhello"))
            #expect(behind.send("bye"))
            behind.close()
            #expect(client.reads("bye"))
            #expect(scene.sandbox.alarms == [])
        }

        // MARK: upstreams

        @Test("an upstream that is down is left alone, its backup serves, and it comes back", arguments: masters)
        func failover(_ master: MasterUnderTest) throws {
            let scene = try Scene(
                master,
                ["relay_upstreams=127.0.0.1:PORT,unix:QUEUE/backup", "relay_balance=first"]
            )
            defer { scene.sandbox.destroy() }
            try scene.sandbox.start()
            let backup = try StreamServerEnd(.path(scene.sandbox.queueDirectory + "/backup"))
            for _ in 0..<3 {
                let client = try scene.client()
                #expect(client.send("x"))
                let behind = try #require(backup.accept(), "\(scene.sandbox.logTail())")
                #expect(behind.read(exactly: 1) == "x", "what was sent before the backup was tried is not lost")
            }
            let name = "127.0.0.1:\(scene.upstream)"
            let complaint = "connect to upstream \(name): Connection refused -- leaving it alone for 1 s"
            #expect(scene.sandbox.wait(for: complaint), "\(scene.sandbox.logTail())")
            let first = try scene.server()
            let isBack = try eventually {
                let client = try scene.client()
                if let behind = first.accept(within: .milliseconds(50)) {
                    #expect(client.send("y"))
                    return behind.read(exactly: 1) == "y"
                }
                _ = backup.accept(within: .milliseconds(50))
                return false
            }
            #expect(isBack, "\(scene.sandbox.logTail())")
            #expect(scene.sandbox.wait(for: "upstream \(name) is there again"))
            #expect(scene.sandbox.occurrences(of: "leaving it alone") == 1, "one line, not one for each client")
        }

        @Test("clients whose upstreams are all down are closed, with one line for all of them", arguments: masters)
        func allDown(_ master: MasterUnderTest) throws {
            let scene = try Scene(master, ["relay_upstreams=127.0.0.1:PORT,unix:QUEUE/none"])
            defer { scene.sandbox.destroy() }
            try scene.sandbox.start()
            for _ in 0..<5 { #expect(try scene.client().reads("")) }
            #expect(scene.sandbox.wait(for: "no upstream can be reached -- closing a client"))
            #expect(scene.sandbox.occurrences(of: "no upstream can be reached") == 1)
            #expect(scene.sandbox.wait(for: "unix:\(scene.sandbox.queueDirectory)/none: No such file or directory"))
            let server = try scene.server()
            let isServed = try eventually {
                let client = try scene.client()
                return server.accept(within: .milliseconds(50)) != nil && client.send("x")
            }
            #expect(isServed, "\(scene.sandbox.logTail())")
            #expect(scene.workers.count == 1, "the process goes on all the time")
        }

    }
}
