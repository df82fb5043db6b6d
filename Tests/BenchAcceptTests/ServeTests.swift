//===----------------------------------------------------------------------===//
// Quartermaster: the bare server
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import TestSupport
import Testing

@Suite("serve")
struct ServeTests {
    @Test("it says again what it hears, until it is told to end")
    func echoes() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let server = try Served("--unix", path)
        for shape in [LoadShape.storm, .kept] {
            let report = try load(
                shape,
                Target(unixPath: path),
                Preset.echo.script(size: 120),
                clients: 80,
                exchanges: 500
            )
            #expect(report.ledger.isClean, "\(report)")
        }
        let end = server.finish()
        #expect(end.status == 0 && end.output == "serving unix \(path)\n", "\(end)")
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("it serves HTTP with a fixed reply, and closes if told to", arguments: [false, true])
    func http(closes: Bool) throws {
        let port = try FreePort.next()
        let reply = ["--reply", "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"]
        let place = "127.0.0.1:\(port)"
        let server =
            closes
            ? try Served("--tcp", place, reply[0], reply[1], "--close") : try Served("--tcp", place, reply[0], reply[1])
        let script = Preset.http.script(size: 0, keepsConnections: !closes)
        let report = try load(closes ? .storm : .kept, Target(tcp: place), script, exchanges: 400)
        #expect(report.ledger.isClean, "\(report)")
        #expect(server.finish().status == 0)
    }

    @Test("it greets, as anvil does")
    func greets() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let server = try Served(
            "--unix",
            path,
            "--greeting",
            "protocol=anvil_protocol\\n\\n",
            "--reply",
            "status=0\\ncount=1\\nrate=1\\n\\n"
        )
        let report = try load(.storm, Target(unixPath: path), Preset.anvil.script(size: 0), exchanges: 200)
        #expect(report.ledger.isClean, "\(report)")
        #expect(server.finish().status == 0)
    }

    @Test("it takes datagrams")
    func datagrams() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let server = try Served("--unix-datagrams", path)
        let script = Preset.postlog.script(size: 120)
        let report = try load(.datagrams, Target(unixPath: path, .datagram), script, clients: 2, exchanges: 5000)
        #expect(report[.answered] == 5000, "\(report)")
        #expect(server.finish().status == 0)
    }

    @Test("a place that is taken or does not exist: exits 1 and says why")
    func taken() throws {
        let place = "127.0.0.1:\(try FreePort.next())"
        let server = try Served("--tcp", place)
        let second = try run([BuiltProducts.path("bench-accept"), "serve", "--tcp", place])
        #expect(second.status == 1)
        #expect(
            second.output.contains("cannot serve tcp \(place): bind: Address already in use (another "),
            "\(second)"
        )
        #expect(!second.output.contains("serving "), "\(second)")
        let nowhere = try run([BuiltProducts.path("bench-accept"), "serve", "--unix", "/nonexistent/s"])
        #expect(nowhere.status == 1)
        #expect(nowhere.output.contains("cannot serve unix /nonexistent/s: bind: No such file"), "\(nowhere)")
        #expect(nowhere.output.contains("(the directory has to exist)"), "\(nowhere)")
        let directory = try TemporaryDirectory()
        try directory.write("no socket", to: "file")
        let file = try run([BuiltProducts.path("bench-accept"), "serve", "--unix", directory.file("file")])
        #expect(file.status == 1 && file.output.contains("or a file that is no socket: choose another path"), "\(file)")
        #expect(try String(contentsOfFile: directory.file("file"), encoding: .utf8) == "no socket")
        withExtendedLifetime(server) {}
    }
}
