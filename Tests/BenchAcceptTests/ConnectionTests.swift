//===----------------------------------------------------------------------===//
// Quartermaster: targets of every kind, where connections come from, and how they end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import TestSupport
import Testing

@Suite("targets")
struct TargetRunTests {
    @Test("TCP over IPv6")
    func ipv6() throws {
        let server = SmallServer(overIPv6: true, serve: echo)
        let report = try load(.storm, Target(tcp: "[::1]:\(server.port)"), ping)
        #expect(report.ledger.isClean, "\(report)")
        #expect(report[.answered] == 40)
    }

    @Test("UDP with replies, on sockets that stay or fresh ones", arguments: [LoadShape.datagrams, .storm])
    func udp(shape: LoadShape) throws {
        let port = try FreePort.next()
        let server = try Served("--udp", "127.0.0.1:\(port)")
        let report = try load(shape, Target(udp: "127.0.0.1:\(port)"), ping, clients: 2, exchanges: 200)
        #expect(report.ledger.addsUp)
        // The kernel may drop datagrams; two at a time it does not.
        #expect(report[.answered] == 200, "\(report)")
        #expect(report.ledger.connections == (shape == .storm ? 200 : 2))
        #expect(server.finish().status == 0)
    }

    @Test("UDP without replies")
    func udpOneWay() throws {
        let receiver = SmallReceiver(overUDP: true)
        let report = try load(
            .datagrams,
            Target(udp: "127.0.0.1:\(receiver.port)"),
            Script(request: Array("x".utf8)),
            exchanges: 100
        )
        #expect(report[.answered] == 100)
        receiver.startDraining()
        #expect(receiver.drained.datagrams == 100)
    }

    @Test("UDP to a port without a listener: the kernel says so to the one that asks for a reply")
    func udpRefused() throws {
        let descriptor = closeOnExecSocket(AF_INET, SOCK_DGRAM)
        let port = bindLoopback(descriptor)
        close(descriptor)
        let report = try load(.datagrams, Target(udp: "127.0.0.1:\(port)"), ping, clients: 1, exchanges: 5)
        #expect(report[.refused] == 5, "\(report)")
    }

    @Test("UNIX datagrams arrive, and a full queue is a retry")
    func unixDatagrams() throws {
        let receiver = SmallReceiver()
        receiver.startDraining()
        let target = try Target(unixPath: receiver.path, .datagram)
        let report = try load(.datagrams, target, Preset.postlog.script(size: 120), clients: 2, exchanges: 5000)
        #expect(report[.answered] == 5000)
        #expect(report.ledger.connections == 2)
        let arrived = receiver.drained
        #expect(arrived.datagrams == 5000 && arrived.bytes == 5000 * 120)
    }

    @Test("a FIFO, kept open or opened for each write", arguments: [LoadShape.datagrams, .storm])
    func fifo(shape: LoadShape) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("fifo")
        #expect(mkfifo(path, 0o600) == 0)
        // Without a writer of its own, the reader would see an end of file between two of them.
        let (reader, writer) = (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), open(path, O_WRONLY | O_CLOEXEC))
        let report = try load(shape, Target(fifo: path), Script(request: Array("12345\n".utf8)), exchanges: 100)
        #expect(report[.answered] == 100, "\(report)")
        #expect(report.ledger.connections == (shape == .storm ? 100 : 4))
        var buffer = [UInt8](repeating: 0, count: 4096)
        #expect(read(reader, &buffer, buffer.count) == 600)
        close(reader)
        close(writer)
    }

    @Test("what is no FIFO is not written to", arguments: [LoadShape.storm, .datagrams])
    func noFIFO(shape: LoadShape) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("text")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        let target = try Target(fifo: path)
        let report = try load(shape, target, Script(request: Array("12345".utf8)), clients: 1, exchanges: 3)
        #expect(report[.other] == 3 && report.ledger.addsUp, "\(report)")
        let command = [Bench.program, shape.rawValue, "--fifo", path, "--preset", "postlog", "--count", "3"]
        let refused = try Bench.run(command)
        #expect(refused.status == 64 && refused.errors.contains("--fifo: \(path) is no FIFO"), "\(refused.errors)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test("a FIFO without a reader refuses; one that is not read gets full")
    func stuckFifo() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("fifo")
        #expect(mkfifo(path, 0o600) == 0)
        let script = Script(request: [UInt8](repeating: 7, count: 4096))
        let refused = try load(.datagrams, Target(fifo: path), script, clients: 1, exchanges: 3)
        #expect(refused[.refused] == 3)
        let reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        let report = try atSomeScale { scale in
            // What the time before has left in it.
            var piece = [UInt8](repeating: 0, count: 65_536)
            while read(reader, &piece, piece.count) > 0 {}
            return try load(
                .datagrams,
                Target(fifo: path),
                script,
                clients: 1,
                exchanges: 100,
                seconds: 0.3 * scale,
                timeout: 0.5 * scale
            )
        } where: {
            $0[.timedOut] == 1
        }
        #expect(report[.timedOut] == 1, "\(report)")
        #expect(report[.answered] > 0 && report.ledger.addsUp)
    }
}

@Suite("connections")
struct ConnectionTests {
    @Test("the server sees the source addresses, in turn", arguments: [1, 2])
    func sources(threads: Int) throws {
        let peers = Notes()
        let server = SmallServer(overTCP: true) { client in
            peers.add(peerHost(client))
            echo(client)
        }
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), ping) {
            $0.sources = (try? SourceAddresses.parse("127.0.0.7,127.9.9.9", family: .ipv4)) ?? []
            $0.threads = threads
        }
        #expect(report.ledger.isClean, "\(report)")
        #expect(peers.all.count == 40)
        #expect(peers.all.filter { $0 == "7f000007" }.count == 20)
        #expect(peers.all.filter { $0 == "7f090909" }.count == 20)
    }

    @Test("a source that is not ours is a failure with its reason")
    func foreignSource() throws {
        let server = SmallServer(overTCP: true, serve: echo)
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), ping, exchanges: 3) {
            $0.sources = (try? SourceAddresses.parse("192.0.2.77", family: .ipv4)) ?? []
        }
        #expect(report[.outOfPorts] == 3)
        #expect(report.firstProblem?.contains("bind: Cannot assign requested address") == true)
    }

    @Test("the end of a connection is a reset or not, as wished", arguments: [true, false])
    func closing(withReset: Bool) throws {
        let ends = Notes()
        let server = SmallServer(overTCP: true) { client in
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = recv(client, &buffer, buffer.count, 0)
            _ = send(client, buffer, max(count, 0), Int32(MSG_NOSIGNAL))
            let end = recv(client, &buffer, buffer.count, 0)
            ends.add(end == 0 ? "end" : end < 0 && errno == ECONNRESET ? "reset" : "more")
        }
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), ping) { $0.closesWithReset = withReset }
        #expect(report.ledger.isClean, "\(report)")
        #expect(report.phase(.close)?.count == 40)
        #expect(eventually(within: patience) { ends.all.count == 40 })
        #expect(Set(ends.all) == [withReset ? "reset" : "end"])
    }

    @Test("each part of a storm's exchange is measured once")
    func phases() throws {
        let server = SmallServer(overTCP: true) { client in
            say(client, "hello\n")
            echo(client)
        }
        var script = ping
        script.opening = [ScriptStep(expect: .text(Pattern(exactly: Array("hello\n".utf8))))]
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), script)
        #expect(report.phases.map(\.name) == [.connect, .firstByte, .exchange, .close, .total])
        #expect(report.phases.allSatisfy { $0.count == 40 })
        let total = try #require(report.phase(.total))
        #expect(report.phases.filter { $0.name != .close }.allSatisfy { $0.maximum <= total.maximum })
    }
}
