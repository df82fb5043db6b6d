//===----------------------------------------------------------------------===//
// Quartermaster: tests of what is heard of services that cannot keep up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// One client more than may wait, and then some: those whom nobody accepts.
private final class Crowd {
    private var clients = DescriptorList()

    func knock(_ address: SocketAddress, _ kind: SocketKind = .stream, times: Int) throws {
        for _ in 0..<times {
            let client = try makeSocket(address.family, kind)
            try client.number.setNonBlocking(true)
            _ = try? client.number.connect(to: address)
            if kind == .datagram { _ = try client.number.send(Array("x".utf8)) }
            clients.append(client)
        }
    }

    func write(_ text: String, toFIFO path: String) throws {
        let fifo = try openFile(path, [.writeOnly, .nonBlocking])
        _ = try fifo.number.write(Array(text.utf8))
        clients.append(fifo)
    }
}

@Suite("Services that cannot keep up", .timeLimit(.minutes(60))) struct SaturationTests {
    /// One process, which is busy for good, and a queue of two.
    private func system(_ lines: [String]) throws -> MailSystem {
        let system = try MailSystem(lines, main: ["default_process_limit": "2"])
        try system.start()
        return system
    }

    private func limit(_ name: String, _ who: String) -> String {
        "service \"\(name)\" (public/\(name)) has reached its process limit \"1\": \(who)"
    }

    @Test(
        "clients who wait are told of with their number, for every type of service",
        .enabled(if: UnixQueue.isVisible)
    )
    func everyType() throws {
        let port = try FreePort.next()
        let system = try system([
            Line.inet(port, "busy", maxproc: 1), Line.unix("local", "busy", maxproc: 1),
            "passed pass n - n - 1 test-child mode=busy", "pipe fifo n - n - 1 test-child mode=busy",
            "letters unix-dgram n - n - 1 test-child mode=busy",
        ])
        defer { system.end() }
        let crowd = Crowd()
        let directory = system.queueDirectory + "/public/"
        func path(_ name: String) throws -> SocketAddress { try #require(SocketAddress(unixPath: directory + name)) }
        try system.whileMasterStands {
            try crowd.knock(#require(SocketAddress(numeric: "127.0.0.1", port: port)), times: 2)
            try crowd.knock(path("local"), times: 2)
            try crowd.knock(path("passed"), times: 1)
            try crowd.knock(path("letters"), .datagram, times: 1)
            try crowd.write("WWW", toFIFO: directory + "pipe")
        }
        for line in [
            "service \"127.0.0.1:\(port)\" (", limit("local", "2 clients wait"), limit("passed", "1 client waits"),
            limit("pipe", "3 bytes wait"),
            limit("letters", "datagrams wait"),
        ] { #expect(system.wait(for: line), "\(line): \(system.log)") }
        #expect(system.count(" has reached its process limit \"1\": 2 clients wait") == 2, "\(system.log)")
        #expect(system.count("to avoid this condition") == 5, "\(system.log)")
        #expect(!system.log.contains("was full"))
        let events = try system.masterctl("events", "--kind", "limit")
        for name in ["/inet", "local/unix", "passed/pass", "pipe/fifo", "letters/unix-dgram"] {
            let line = "\(name): limit reached: all processes are busy, and there may be 1"
            #expect(events.output.contains(line), "\(events)")
        }
        let why = try system.masterctl("why", "local")
        #expect(why.output.contains("local/unix: limit reached: 1 busy, 2 waiting\n"), "\(why)")
    }

    @Test("a queue that overflows is counted, and told of with a cure", .enabled(if: UnixQueue.isVisible))
    func overflow() throws {
        let port = try FreePort.next()
        let system = try system([Line.inet(port, "busy", maxproc: 1), Line.unix("local", "busy", maxproc: 1)])
        defer { system.end() }
        let crowd = Crowd()
        try system.whileMasterStands {
            try crowd.knock(#require(SocketAddress(numeric: "127.0.0.1", port: port)), times: 6)
            try crowd.knock(#require(SocketAddress(unixPath: system.queueDirectory + "/public/local")), times: 6)
        }
        #expect(system.wait(for: "dropped, because the queue of 2 clients was full"), "\(system.log)")
        #expect(system.wait(for: "(public/local): the queue of 2 clients was full when looked at, once"))
        #expect(system.wait(for: limit("local", "3 clients wait")), "\(system.log)")
        #expect(system.count("; a longer queue has more room: master_listen_backlog in main.cf") == 2)
        let why = try system.masterctl("why", "local")
        #expect(why.output.contains("local/unix: limit reached: 1 busy, 3 waiting, queue full\n"), "\(why)")
        #expect(why.output.contains("Let more wait (master_listen_backlog in main.cf"), "\(why)")
        let status = try system.masterctl("status", "local")
        #expect(status.output.contains("room for 2, overflowed"), "\(status)")
        let events = try system.masterctl("events", "--kind", "overflow")
        #expect(events.output.contains("local/unix: queue overflowed once"), "\(events)")
        let metrics = try system.masterctl("metrics").output.split(separator: "\n")
        for type in ["inet", "unix"] {
            let line = try #require(
                metrics.first {
                    $0.hasPrefix("quartermaster_service_queue_overflows_total{") && $0.contains("type=\"\(type)\"")
                }
            )
            #expect(try #require(line.split(separator: " ").last.flatMap { Int($0) }) > 0, "\(line)")
        }
        #expect(try system.masterctl("top", "--once").output.contains("queue full"))
    }
}
