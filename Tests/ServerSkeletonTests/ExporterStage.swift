//===----------------------------------------------------------------------===//
// Quartermaster: an exporter beside a master, and what it answers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import SystemCalls
import TestSupport
import Testing
import WorkerPage

/// A response as it came.
struct Response {
    var status = ""
    var fields: [String: String] = [:]
    var body = ""

    /// - Parameter hasBody: false for the answer to a HEAD.
    init(_ client: TestPeer, hasBody: Bool = true) throws {
        var head = ""
        while !head.hasSuffix("\r\n\r\n") {
            let byte = try client.receive(1)
            guard !byte.isEmpty else { throw TestSupportError("no response: \(head)") }
            head += byte
        }
        let lines = head.components(separatedBy: "\r\n")
        status = lines[0]
        for line in lines.dropFirst() where !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        let size = Int(fields["Content-Length"] ?? "") ?? -1
        #expect(size >= 0, "\(head)")
        if hasBody { body = try client.receive(size) }
    }
}

/// An exporter, whose parent is the test.
final class ExporterStage {
    let room: ServerRoom
    let child: ServerChild
    private var page: PageWriter?
    private let listener: Descriptor

    init(_ options: [String] = []) throws {
        room = try ServerRoom()
        listener = try room.unixListener()
        child = try ServerChild("exporter", ["-t", "unix"] + options, room: room, listeners: [listener.number])
    }

    static var now: Int64 { Clock.monotonicNanoseconds() / 1_000_000 }

    /// Makes the page that a master would have made.
    func publish(pid: Int32 = processID(), _ state: MasterState = .running, heartbeat: Int64 = ExporterStage.now) throws
    {
        let path = room.queue + "/pid/master.status"
        var writer = try PageWriter(PageLayout(services: 2, processes: 2, events: 16), at: path)
        var master = MasterFigures()
        master.state = state
        master.pid = pid
        master.started = heartbeat - 1000
        master.monotonicClock = heartbeat
        master.realClock = 1_790_000_000_000
        master.version = "1.2.3"
        writer.write(master)
        var texts = ServiceTexts()
        texts.life = 1
        texts.name = "<script>&\"\\\n"
        texts.type = "unix"
        texts.program = "echo"
        writer.write(texts, row: 0)
        var load = ServiceLoad()
        load.cover = .idleProcesses
        load.idle = 3
        writer.write(load, row: 0)
        writer.write(ServiceCounts(), row: 0)
        writer.appear(now: heartbeat)
        page = consume writer
    }

    func get(_ path: String, _ fields: String = "") throws -> Response {
        let client = try room.connect()
        try client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
        return try Response(client)
    }

    /// Waits for what the exporter says when it has looked again.
    func become(_ path: String, _ isRight: (Response) -> Bool) throws -> Response {
        var last = try get(path)
        _ = try eventually {
            last = try get(path)
            return isRight(last)
        }
        return last
    }
}
