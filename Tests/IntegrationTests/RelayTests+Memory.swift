//===----------------------------------------------------------------------===//
// Quartermaster: relay: how much memory it takes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension RelayTests {
    @Test("a fast sender waits for a slow reader, and the memory of the relay has a bound")
    func backPressure() throws {
        let scene = try Scene(["relay_buffer_size=65536"])
        let server = try scene.server()
        let warm = try scene.pair(server)
        #expect(warm.client.send("x"))
        #expect(warm.server.read(exactly: 1) == "x")
        let before = try privateKilobytes(scene.worker())
        let pairs = try (0..<20).map { _ in try scene.pair(server) }
        let pumps = pairs.enumerated().map { StreamPump($1.server, seed: UInt64($0 + 1)) }
        var last = -1
        #expect(
            eventually(every: .milliseconds(300)) {
                let sent = pumps.reduce(0) { $0 + $1.sent }
                defer { last = sent }
                return sent > 0 && sent == last
            },
            "the senders are made to wait"
        )
        let taken = try privateKilobytes(scene.worker()) - before
        // Blocks come in chunks of sixteen.
        #expect(taken < 20 * 64 * 2 + 4096, "\(taken) KB for twenty buffers of 64 KB")
        let sinks = pairs.map { StreamSink($0.client) }
        for (pump, sink) in zip(pumps, sinks) {
            let sent = pump.stop()
            #expect(sent != nil && sink.finish() == sent)
        }
        withExtendedLifetime(warm) {}
    }

    @Test("what a TCP client does not read takes little of the kernel's memory, and new clients are served beside it")
    func unread() throws {
        let port = try FreePort.next()
        let scene = try Scene(port: port, ["relay_unsent_limit=16384"])
        let server = try scene.server()
        let (slow, source) = try scene.pair(server)
        let pump = StreamPump(source, seed: 1)
        var last = -1
        #expect(
            eventually(every: .milliseconds(300)) {
                let sent = pump.sent
                defer { last = sent }
                return sent > 0 && sent == last
            },
            "the sender is made to wait"
        )
        // What a client's window lets through is on its way; the kernel alone would keep 2.5 MB. While other sockets
        // come and go, one may be missing in the list.
        var waiting = 0
        let isListed = eventually {
            waiting = unsent(from: port)
            return waiting > 0
        }
        #expect(isListed && waiting < 400_000, "\(waiting) bytes")
        let (client, behind) = try scene.pair(server)
        #expect(behind.send("hello"))
        #expect(client.read(exactly: 5) == "hello")
        let sink = StreamSink(slow)
        let sent = pump.stop()
        #expect(sent != nil && sink.finish() == sent)
    }

    /// Bytes that the kernel has for the peers of connections that were accepted on a port of loopback.
    private func unsent(from port: UInt16) -> Int {
        // Foundation takes the first page of this file for the whole.
        let table = (try? run(["/bin/cat", "/proc/net/tcp"]).output) ?? ""
        let own = "0100007F:" + String(format: "%04X", Int(port))
        return table.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            // Established ones; the queue to send is the first of two numbers.
            guard words.count > 4, words[1] == own, words[3] == "01" else { return sum }
            return sum + (Int(words[4].prefix(8), radix: 16) ?? 0)
        }
    }

    private func privateKilobytes(_ pid: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    }
}
