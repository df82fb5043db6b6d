//===----------------------------------------------------------------------===//
// Quartermaster: tests of connections that tasks wait for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct AsyncConnectionTests {
    // MARK: lines and other pieces

    @Test("lines end with LF or CR LF, come in pieces or together, and an unfinished one is none")
    func lines() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.exchange("one\r\ntwo\n\nthr", 9) == "one\ntwo\n\n")
        #expect(try client.exchange("ee\n", 6) == "three\n")
        for letter in "slowly\n" { try client.send(String(letter)) }
        #expect(try client.receive(7) == "slowly\n")
        try client.send("unfinished")
        #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(client.isDisconnected())
        #expect(scene.room.log.contains("lines ended"))
        #expect(!scene.room.log.text.contains("handler ended, cancelled"))
    }

    @Test("a line as long as may be is served; a longer one ends the connection without being read further")
    func longLines() throws {
        let scene = try AsyncScene()
        let longest = String(repeating: "x", count: 4095) + "\n"
        #expect(try scene.connect().exchange(longest, 4096) == longest)
        let client = try scene.connect()
        try client.send(String(repeating: "x", count: 4096))
        #expect(client.isDisconnected())
        #expect(try scene.ask("hello", "hello"))
    }

    @Test("frames with a length are found wherever the pieces begin")
    func frames() throws {
        let scene = try AsyncScene(serve: "frames")
        let client = try scene.connect()
        func frame(_ size: Int) -> [UInt8] {
            [UInt8(size >> 8), UInt8(size & 0xff)] + [UInt8](repeating: 7, count: size)
        }
        let sizes = [0, 1, 255, 256, 998, 3]
        let bytes = sizes.flatMap(frame)
        for start in stride(from: 0, to: bytes.count, by: 97) {
            _ = try client.socket.number.send(Array(bytes[start..<min(start + 97, bytes.count)]), waiting: true)
        }
        for size in sizes { #expect(try client.line() == "\(size)") }
        _ = try client.socket.number.send([0xff, 0xff] + [UInt8](repeating: 7, count: 2000), waiting: true)
        #expect(client.isDisconnected(), "longer than a request may be")
    }

    @Test("a connection that is being passed while the process is to leave is served to its end")
    func passedLate() throws {
        let scene = try PassTests.Scene(program: "test-async-service")
        #expect(try eventually { try !scene.listener.number.waitForInput(milliseconds: 0) }, "the sender is accepted")
        scene.child.closeStatus()
        // It leaves, or has left its senders to a child.
        #expect(eventually { (try? scene.child.registration()).flatMap { $0 } == nil })
        try scene.pass()
        try scene.sender.send("\0")
        #expect(scene.sender.isDisconnected())
        #expect(try scene.client.exchange("hello\n", 6) == "hello\n", "\(scene.room.log.text)")
        try scene.client.send("quit\n")
        #expect(scene.client.isDisconnected())
        #expect(scene.child.exit() == 0)
    }

    @Test("attributes of a passed connection")
    func attributes() throws {
        let scene = try PassTests.Scene(program: "test-async-service")
        try scene.pass()
        try scene.sender.send("client_address\0192.0.2.1\0\0")
        #expect(scene.sender.isDisconnected())
        #expect(try scene.client.ask("attributes") == "client_address=192.0.2.1")
    }

    // MARK: time

    @Test("deadlines: of work, and of a silent client")
    func deadlines() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.ask("deadline 20 100000000") == "too late")
        #expect(try client.ask("deadline 100000000 1") == "in time")
        #expect(try client.ask("within 20") == "silence")
        try client.send("within 100000000\n")
        #expect(try client.ask("there") == "there")
        #expect(try client.ask("sleep 1") == "slept")
    }

    @Test("thousands of deadlines, none of which comes, leave nothing behind")
    func unusedDeadlines() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        func exchanges(_ count: Int) throws {
            for _ in 0..<count / 100 {
                try client.send(String(repeating: "deadline 100000000 0\n", count: 100))
                #expect(try client.receive(800) == String(repeating: "in time\n", count: 100))
            }
        }
        try exchanges(2000)
        let before = try residentKilobytes(scene.child.pid)
        try exchanges(20_000)
        let after = try residentKilobytes(scene.child.pid)
        #expect(after - before < 500, "\(before) kB, then \(after) kB")
    }

    // MARK: back-pressure

    @Test("a client that does not read: the writer waits, and memory stays where it was")
    func slowReader() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.ask("hello") == "hello")
        let before = try residentKilobytes(scene.child.pid)
        let size = 30_000_000
        try client.send("big \(size)\n")
        rest(.milliseconds(300))
        #expect(try residentKilobytes(scene.child.pid) - before < 1000)
        #expect(!scene.room.log.text.contains("big is written"))
        #expect(try scene.ask("others are", "others are"))
        var left = size + 1
        while left > 0 {
            let text = try client.receive(min(left, 1_000_000))
            if text.isEmpty { break }
            left -= text.utf8.count
        }
        #expect(left == 0)
        #expect(try residentKilobytes(scene.child.pid) - before < 1000)
        #expect(try client.ask("still") == "still")
    }

    @Test("a handler that does not read: the client waits, memory stays where it was, and no byte is lost")
    func slowHandler() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.ask("hello") == "hello")
        let before = try residentKilobytes(scene.child.pid)
        let size = 20_000_000
        let flow = client.socket.number
        try client.send("nap 300\ncount \(size)\n")
        let sender = Thread {
            let piece = [UInt8](repeating: 1, count: 100_000)
            var left = size
            while left > 0 {
                var place = 0
                while place < piece.count {
                    guard case .bytes(let count)? = try? flow.send(Array(piece[place...]), waiting: true) else {
                        return
                    }
                    place += count
                }
                left -= piece.count
            }
        }
        sender.start()
        rest(.milliseconds(150))
        #expect(try residentKilobytes(scene.child.pid) - before < 1000)
        #expect(try client.line() == "awake")
        #expect(try client.line() == "\(size) bytes, sum \(size)")
        #expect(eventually { sender.isFinished })
    }

    @Test("what two tasks write at the same time stays together")
    func twoWriters() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        let size = 300_000
        try client.send("both \(size)\n")
        var text = ""
        while text.utf8.count < 8 * (size + 1) + 5 {
            let next = try client.receive(1_000_000)
            if next.isEmpty { break }
            text += next
        }
        let lines = text.split(separator: "\n")
        #expect(lines.count == 9 && lines.last == "done")
        let isPure = lines.dropLast().allSatisfy { line in
            line.utf8.count == size && line.utf8.allSatisfy { $0 == line.utf8.first }
        }
        #expect(isPure)
        #expect(lines.filter { $0.first == "a" }.count == 4)
    }

    @Test("flush returns when the kernel has everything")
    func flush() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        try client.send("big 1000\nflush\n")
        #expect(try client.receive(1001 + 8) == String(repeating: "x", count: 1000) + "\nflushed\n")
    }

    // MARK: ends

    @Test("a client that sends no more gets its answers; one that is gone has its task cancelled")
    func disconnect() throws {
        let scene = try AsyncScene()
        let half = try scene.connect()
        try half.send("sleep 100\nlast\n")
        #expect(shutdown(half.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(try half.receive(11) == "slept\nlast\n")
        #expect(half.isDisconnected())
        #expect(scene.room.log.contains("lines ended"))

        // The kernel resets a connection that is closed with input in it.
        var gone: TestPeer? = try scene.connect()
        try gone?.send("big 1000\nwait\n")
        #expect(try gone?.receive(1) == "x")
        #expect(scene.room.log.contains("begins to wait"))
        gone = nil
        #expect(scene.room.log.contains("waiting was cancelled"))
        #expect(scene.room.log.contains("handler ended, cancelled"))
        #expect(try scene.ask("others", "others"))
    }

    @Test("half-close: the client reads an end, and is heard on")
    func halfClose() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        try client.send("finish\n")
        #expect(try client.receive(1000) == "last words\n")
        try client.send("the client's\n")
        #expect(scene.room.log.contains("after the last words: the client's"))
    }

    @Test("what a handler throws is logged, once a minute, and costs its client alone")
    func failures() throws {
        let scene = try AsyncScene()
        for _ in 0..<3 {
            let client = try scene.connect()
            try client.send("before\nfail\n")
            #expect(try client.receive(7) == "before\n")
            #expect(client.isDisconnected())
        }
        #expect(scene.room.log.contains("a handler failed: Failure()"))
        #expect(scene.room.log.count("a handler failed") == 1)
    }

    // MARK: connections of one's own

    @Test("an outgoing connection: its answer, its end, nobody there")
    func outgoing() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.ask("ask before").hasPrefix("cannot connect: "))
        let listener = try scene.room.unixListener("upstream")
        try client.send("ask the question\n")
        var accepted: TestPeer?
        let hasCome = eventually {
            guard case .client(let descriptor)? = try? listener.number.accept() else { return false }
            accepted = TestPeer(descriptor)
            return true
        }
        #expect(hasCome)
        let upstream = try #require(accepted)
        try upstream.socket.number.setNonBlocking(false)
        #expect(try upstream.line() == "the question")
        try upstream.send("the answer\n")
        #expect(try client.line() == "the answer")
        #expect(upstream.isDisconnected(), "closed when the handler is done with it")
    }

    // MARK: accepting

    @Test("a service that takes connections itself, with a task beside them")
    func driver() throws {
        let scene = try AsyncScene(serve: "driver")
        let clients = try (0..<5).map { _ in try scene.connect() }
        for (number, client) in clients.enumerated().reversed() { try client.send("\(number)\n") }
        for (number, client) in clients.enumerated() {
            #expect(try client.line() == "\(number) after some ticks")
            #expect(client.isDisconnected())
        }
        scene.child.closeStatus()
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("no more clients: failure(Swift.CancellationError())"))
    }

    @Test("-S: one client on standard input and output, without a master")
    func oneShot() throws {
        let room = try ServerRoom()
        let ends = try SocketEnds()
        let client = try ends.peer()
        let child = try ServerChild(
            "test-async-service",
            ["-S"],
            room: room,
            input: ends.far,
            output: ends.far,
            hasMaster: false
        )
        ends.closeFar()
        #expect(try client.ask("hello") == "hello")
        #expect(try client.ask("spread 20") == "21 steps, 1 threads")
        #expect(try client.ask("quit") == "bye")
        #expect(client.isDisconnected())
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit after 3"))
    }

    private func residentKilobytes(_ pid: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? -1
    }
}
