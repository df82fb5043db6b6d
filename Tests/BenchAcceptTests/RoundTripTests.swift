//===----------------------------------------------------------------------===//
// Quartermaster: tests of datagrams that are answered
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import TestSupport
import Testing

struct RoundTripTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private func peer(
        overUDP: Bool = true,
        _ answer: @escaping @Sendable (Int, [UInt8]) -> [[UInt8]]
    ) throws -> (OddAnswerer, Target) {
        if overUDP {
            let peer = OddAnswerer(path: nil, answer)
            return (peer, try Target(udp: "127.0.0.1:\(peer.port)"))
        }
        let path = directory.file("s")
        return (OddAnswerer(path: path, answer), try Target(unixPath: path, .datagram))
    }

    private let script = Preset.echoedDatagram(size: 40)

    @Test(
        "every datagram comes back, some at a time or one, at once or at its time",
        arguments: [true, false],
        [1, 8]
    )
    func whole(_ overUDP: Bool, _ outstanding: Int) throws {
        let (peer, target) = try peer(overUDP: overUDP) { [$1] }
        for pace in [nil, RateProfile(constant: 5000)] {
            let report = try load(.datagrams, target, script, clients: 3, exchanges: 300) {
                $0.outstanding = outstanding
                $0.pace = pace
            }
            #expect(report.ledger.isClean && report[.answered] == 300, "\(report)")
            #expect(report.ledger.connections == 3)
            #expect(report.ledger.strays == StrayReplies())
            #expect(report.phase(.total)?.count == 300 && report.phase(.exchange)?.count == 300)
        }
        withExtendedLifetime(peer) {}
    }

    @Test("what is not answered is lost, and the next one goes", arguments: [1, 4])
    func lost(_ outstanding: Int) throws {
        let report = try atSomeScale {
            let (peer, target) = try peer { $0 % 10 == 3 ? [] : [$1] }
            defer { withExtendedLifetime(peer) {} }
            return try load(.datagrams, target, script, clients: 2, exchanges: 100, timeout: 0.2 * $0) {
                $0.outstanding = outstanding
            }
        } where: {
            $0[.lost] == 10 && $0.ledger.strays == StrayReplies()
        }
        #expect(report.ledger.addsUp && report[.lost] == 10 && report[.answered] == 90, "\(report)")
        #expect(report.ledger.connections == 2, "on the same sockets")
        #expect(report.ledger.strays == StrayReplies())
    }

    @Test("a reply that comes too late or twice is counted as that, and answers nothing")
    func strays() throws {
        var expected = StrayReplies()
        (expected.late, expected.duplicate) = (1, 3)
        let report = try atSomeScale {
            let kept = Kept()
            let (peer, target) = try peer { index, bytes in
                switch index {
                case 4:
                    kept.bytes = bytes
                    return []
                // The one before was given up; its reply comes twice.
                case 5: return [kept.bytes, bytes]
                case 30: return [bytes, kept.bytes]
                case 10, 20: return [bytes, bytes]
                default: return [bytes]
                }
            }
            defer { withExtendedLifetime(peer) {} }
            return try load(.datagrams, target, script, clients: 1, exchanges: 100, timeout: 0.2 * $0)
        } where: {
            $0[.lost] == 1 && $0.ledger.strays == expected
        }
        #expect(report.ledger.addsUp && report[.lost] == 1 && report[.answered] == 99, "\(report)")
        #expect(report.ledger.strays == expected)
    }

    @Test("what belongs to nothing that was sent is unexpected")
    func unexpected() throws {
        let (peer, target) = try peer { index, bytes in
            switch index {
            case 4: [Array("0123456789abcdef of somebody else".utf8), bytes]
            case 5: [bytes, Array("short".utf8)]
            case 6: [Array("not sixteen digits at all".utf8), bytes]
            default: [bytes]
            }
        }
        let report = try load(.datagrams, target, script, clients: 1, exchanges: 50) { $0.outstanding = 2 }
        #expect(report.ledger.isClean && report[.answered] == 50, "\(report)")
        var expected = StrayReplies()
        expected.unexpected = 3
        #expect(report.ledger.strays == expected)
        withExtendedLifetime(peer) {}
    }

    @Test("the right number with other words is a wrong reply")
    func wrong() throws {
        let (peer, target) = try peer { index, bytes in
            index % 4 == 0 ? [bytes.dropLast() + [UInt8(ascii: "!")]] : index % 4 == 1 ? [bytes + [1]] : [bytes]
        }
        let report = try load(.datagrams, target, script, clients: 1, exchanges: 40) { $0.outstanding = 3 }
        #expect(report[.wrongReply] == 20 && report[.answered] == 20, "\(report)")
        #expect(report.ledger.strays == StrayReplies())
        #expect(report.firstProblem?.hasPrefix("wrong reply, \"00") == true, "\(report)")
        withExtendedLifetime(peer) {}
    }

    @Test("without a number, a datagram that is given up gets a new socket, so that none is taken for another")
    func unnumbered() throws {
        let report = try atSomeScale {
            let (peer, target) = try peer { $0 % 5 == 2 ? [] : [$1] }
            defer { withExtendedLifetime(peer) {} }
            return try load(.datagrams, target, ping, clients: 1, exchanges: 20, timeout: 0.1 * $0)
        } where: {
            $0[.lost] == 4
        }
        #expect(report[.lost] == 4 && report[.answered] == 16, "\(report)")
        #expect(report.ledger.connections == 5)
    }

    @Test("a service that starts later, and one whose socket is gone")
    func absent() throws {
        let path = directory.file("s")
        let gone = try load(.datagrams, Target(unixPath: path, .datagram), script, clients: 2, exchanges: 6)
        #expect(gone.ledger.addsUp && gone[.noSuchSocket] == 6, "\(gone)")
        // Its socket is there, and nobody has it.
        var left: OddAnswerer? = OddAnswerer(path: path) { [$1] }
        left?.stop()
        left = nil
        let refused = try load(.datagrams, Target(unixPath: path, .datagram), script, clients: 2, exchanges: 6)
        #expect(refused[.refused] == 6, "\(refused)")
        unlink(path)
        let peer = OddAnswerer(path: path) { [$1] }
        let again = try load(.datagrams, Target(unixPath: path, .datagram), script, clients: 2, exchanges: 6)
        #expect(again[.answered] == 6, "\(again)")
        withExtendedLifetime(peer) {}
    }

    @Test("on the command line: numbers in words of its own, and what the report says of strays")
    func command() throws {
        let (peer, _) = try peer { index, bytes in
            let number = bytes.dropFirst(5).prefix(16)
            let reply = Array("pong ".utf8) + number + Array(", and \(index) more".utf8)
            return index == 7 ? [reply, reply] : [reply]
        }
        let words = [
            "datagrams", "--udp", "127.0.0.1:\(peer.port)", "--send", "ping {number}", "--expect",
            "pong {number}, and * more",
            "--count", "50", "--outstanding", "4", "--threads", "2",
        ]
        let table = try Bench.run([Bench.program] + words)
        #expect(table.status == 0, "\(table)")
        #expect(table.output.contains("answered") && table.output.contains("duplicate replies              1"))
        let json = try Bench.run([Bench.program] + words + ["--json"])
        let record = try LoadRecord(json: Array(json.output.utf8), name: "it")
        #expect(record.runs[0].ledger.strays == StrayReplies() && record.runs[0].ledger.answered == 50)
        #expect(json.output.contains("\"strays\":{\"duplicate\":0,\"late\":0,\"unexpected\":0}"))
        withExtendedLifetime(peer) {}
    }

    @Test("over UNIX datagrams against serve, which sends them back")
    func served() throws {
        let path = directory.file("s")
        let server = try Served("--unix-datagrams", path)
        let result = try Bench.run(
            "datagrams",
            "--unix",
            path,
            "--preset",
            "echo",
            "--count",
            "500",
            "--outstanding",
            "10",
            "--size",
            "64"
        )
        #expect(result.status == 0 && result.output.contains("ledger: opened 500 = answered 500"), "\(result)")
        #expect(server.finish().status == 0)
    }
}

/// Bytes for later, used by one thread.
private final class Kept: @unchecked Sendable { var bytes: [UInt8] = [] }

/// A datagram socket whose answers a test chooses, by the number of the datagram and its bytes.
final class OddAnswerer: @unchecked Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let isDone = DispatchSemaphore(value: 0)
    private var isStopped = false

    /// - Parameter path: nil for a free UDP port of loopback.
    init(path: String?, _ answer: @escaping @Sendable (Int, [UInt8]) -> [[UInt8]]) {
        let descriptor = closeOnExecSocket(path == nil ? AF_INET : AF_UNIX, SOCK_DGRAM)
        self.descriptor = descriptor
        if let path {
            bindPath(descriptor, path)
            port = 0
        } else {
            port = bindLoopback(descriptor)
        }
        let isDone = isDone
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 4096)
            var index = 0
            while true {
                var from = sockaddr_storage()
                var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
                let count = withUnsafeMutablePointer(to: &from) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        recvfrom(descriptor, &buffer, buffer.count, 0, $0, &size)
                    }
                }
                // Shut down: nothing from nobody.
                if count <= 0 { break }
                for reply in answer(index, Array(buffer[..<count])) {
                    _ = withUnsafePointer(to: &from) {
                        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            sendto(descriptor, reply, reply.count, 0, $0, size)
                        }
                    }
                }
                index += 1
            }
            isDone.signal()
        }
    }

    /// The socket is nobody's from here on.
    func stop() {
        if isStopped { return }
        isStopped = true
        shutdown(descriptor, Int32(SHUT_RDWR))
        isDone.wait()
        close(descriptor)
    }

    deinit { stop() }
}
