//===----------------------------------------------------------------------===//
// Quartermaster: a service in a package of its own
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing
import WorkerPage

/// What service authors see of us: one product, and no module behind it. Builds ServerSkeleton once more, so it is left
/// out where time is short.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["QM_QUICK"] == nil, "left out of a quick run"))
struct OutsidePackageTests {
    @Test("the services of the documents do what they say")
    func documents() throws {
        let programs = try OutsidePackage.ofDocuments.get().products
        let room = try ServerRoom()
        let stream = try room.unixListener("wordcount")
        let words = try ServerChild(
            "\(programs)/wordcount",
            ["-t", "unix", "-o", "wordcount_line_limit=20"],
            room: room,
            listeners: [stream.number]
        )
        let client = try room.connect("wordcount")
        #expect(try client.exchange("one two\nthree\n", 14) == "ready\n2 2\n1 3\n")
        #expect(try client.exchange(String(repeating: "x ", count: 20) + "\n", 9) == "too long\n")
        #expect(room.log.contains("a line of 40 bytes"))
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(words.isRunning)

        let tallies = try room.unixListener("tally")
        let tally = try ServerChild("\(programs)/tally", ["-t", "unix"], room: room, listeners: [tallies.number])
        let counter = try room.connect("tally")
        let answers = "2:ok,9:no number,8:0000012c,4:what,"
        #expect(try counter.exchange("7:add 300,9:add 70000,3:hex,6:what 1,", answers.utf8.count) == answers)
        try counter.send("x")
        #expect(counter.isDisconnected())
        #expect(room.log.contains("no length where one should be -- disconnecting the client"))
        #expect(tally.isRunning)

        try room.directory.write("rose red\nviolet blue\n", to: "colours")
        let blocking = try room.unixListener("lookup")
        let lookup = try ServerChild(
            "\(programs)/lookup",
            ["-t", "unix", "-o", "lookup_file=" + room.directory.file("colours")],
            room: room,
            listeners: [blocking.number]
        )
        let asker = try room.connect("lookup")
        #expect(try asker.exchange("violet\n", 5) == "blue\n")
        #expect(try asker.exchange("tulip\n", 10) == "not found\n")
        #expect(lookup.isRunning)

        let path = room.directory.file("lines")
        let socket = try room.datagramSocket("collect")
        let collect = try ServerChild(
            "\(programs)/collect",
            ["-t", "unix-dgram", "-l", "-o", "collect_file=\(path)"],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender("collect")
        for text in ["one", "two"] { try sender.send(text) }
        #expect(eventually { (try? String(contentsOfFile: path, encoding: .utf8)) == "one\ntwo\n" })
        #expect(collect.isRunning)

        let door = try room.unixListener("greet")
        let greet = try ServerChild("\(programs)/greet", ["-t", "unix"], room: room, listeners: [door.number])
        let guest = try room.connect("greet")
        #expect(try guest.receive(14) == "Who is there?\n")
        #expect(try guest.exchange("Ada\n", 12) == "Hello, Ada.\n")
        #expect(guest.isDisconnected())
        #expect(greet.isRunning)

        let bell = try room.unixListener("tidy")
        let tidy = try ServerChild("\(programs)/tidy", ["-t", "unix", "-l"], room: room, listeners: [bell.number])
        let ringing = try room.connect("tidy")
        try ringing.send("W")
        #expect(room.log.contains("tidying up for the 1. time"))
        #expect(tidy.isRunning)
    }

    @Test("the service of the documents for UDP answers")
    func documentsOverUDP() throws {
        let programs = try OutsidePackage.ofDocuments.get().products
        let room = try ServerRoom()
        let udp = try makeSocket(.ipv4, .datagram).moved(atLeast: 64)
        try udp.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try udp.number.setNonBlocking(true)
        let name = try udp.number.name(ofPeer: false)
        let sundial = try ServerChild("\(programs)/sundial", ["-t", "udp", "-l"], room: room, listeners: [udp.number])
        let answer = try DatagramPeer(port: #require(name).port).ask("what time?")?.text.split(separator: " ") ?? []
        try #require(answer.count == 4, "\(answer)")
        #expect(answer[..<2] == ["what", "time?"] && answer[3] == "127.0.0.1\n")
        #expect(try abs(#require(Double(answer[2])) - Date().timeIntervalSince1970) < 100)
        #expect(sundial.isRunning)
    }

    @Test("the tutorial's service tells the time")
    func tutorial() throws {
        let programs = try OutsidePackage.ofDocuments.get().products
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let format = ["-t", "unix", "-o", "daytime_format=it is %Y"]
        let child = try ServerChild("\(programs)/daytime", format, room: room, listeners: [listener.number])
        let client = try room.connect()
        let text = try client.receive(11)
        #expect(text.hasPrefix("it is 20") && text.hasSuffix("\n"), "\(text)")
        #expect(client.isDisconnected())
        #expect(child.isRunning)
    }

    @Test("the documents' async service keeps what it has promised, also when its master is gone")
    func asyncService() throws {
        let programs = try OutsidePackage.ofDocuments.get().products
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("\(programs)/promise", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.ask("0.3 tea") == "tea, and 0 more to come")
        for time in ["soon", "3601", "nan", "-0.1", "-1e300", "-inf"] {
            #expect(try client.ask("\(time) tea") == "seconds, up to 3600, and a text")
        }
        try client.send("0.4 last\n0.1 first\n")
        #expect(try client.line() == "first, and 1 more to come")
        child.closeStatus()
        #expect(try client.line() == "last, and 0 more to come")
        #expect(client.isDisconnected(), "there is nothing left to wait for")
        #expect(child.exit() == 0)
    }

    @Test("the documents' library logs through its service, whose process outlives 30 errors")
    func logging() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            try OutsidePackage.ofDocuments.get().program("noted"),
            ["-t", "unix"],
            room: room,
            listeners: [listener.number]
        )
        let client = try room.connect()
        #expect(try client.exchange("hello\n", 3) == "ok\n")
        #expect(room.log.contains("]: library: noted text=hello"), "\(room.log)")
        for _ in 1...30 { #expect(try client.exchange("fail x\n", 3) == "ok\n") }
        #expect(eventually { room.log.count("error: library: fail x") == 30 })
        #expect(child.isRunning)
    }

    @Test("the documents' service counts, and so does its library")
    func metrics() throws {
        let room = try ServerRoom()
        let table = try MetricsTable(
            at: "\(room.queue)/\(MetricsPage.path)",
            owner: nil,
            master: processID(),
            nowMilliseconds: 0
        )
        let listener = try room.unixListener()
        let program = try OutsidePackage.ofDocuments.get().program("measured")
        let child = try ServerChild(program, ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.exchange("get x\n", 2) == "?\n" && client.exchange("put x\n", 3) == "ok\n")
        #expect(try client.exchange("get x\n", 2) == "x\n")
        let figures = try MetricsReader.read("\(room.queue)/\(MetricsPage.path)").service("measured/unix")
        let own = try #require(figures)
        #expect(own[#"requests{kind="get"}"#]?.integer == 2 && own[#"requests{kind="put"}"#]?.integer == 1)
        #expect(own["entries"]?.real == 1 && own["cache_lookups{found=\"no\"}"]?.integer == 1)
        #expect(own["cache_lookups{found=\"yes\"}"]?.integer == 1 && own["cache_time_seconds"]?.count == 3)
        let isIntact = table.isIntact
        #expect(isIntact && child.isRunning)
    }

    @Test("a package that depends on ServerSkeleton reads bytes, answers, and gets what it prepared")
    func linesService() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            try OutsidePackage.ofDocuments.get().program("outside"),
            ["-t", "unix"],
            room: room,
            listeners: [listener.number]
        )
        let client = try room.connect()
        #expect(try client.exchange("secret\n", 13) == "from prepare\n")
        #expect(try client.exchange("echo a b\n", 4) == "a b\n")
        #expect(try client.exchange("A\n", 3) == "65\n")
        #expect(try client.exchange("numbers\n", 29) == "003003..7:numbers,a=numbers\n\n")
        #expect(child.isRunning)
    }

    @Test("the tutorial's pipe holds its conversation")
    func pipe() throws {
        let programs = try OutsidePackage.ofDocuments.get().products
        let room = try ServerRoom()
        let talk = "printf '%%Y\\n\\nit is %%H\\nquit\\nnever read\\n' | '\(programs)/clock' -S"
        let result = try run(["/bin/sh", "-c", talk], environment: ["MAIL_CONFIG": room.directory.path])
        let lines = result.output.split(separator: "\n")
        #expect(result.succeeded && lines.count == 3, "\(result)")
        #expect(lines.first?.hasPrefix("20") == true && lines.dropFirst().first == "what?", "\(result)")
        #expect(lines.last?.hasPrefix("it is ") == true, "\(result)")
    }
}
