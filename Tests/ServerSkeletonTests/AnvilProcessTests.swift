//===----------------------------------------------------------------------===//
// Quartermaster: anvil, the whole program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls
import TestSupport
import Testing

struct AnvilProcessTests {
    /// anvil with a client that has been greeted.
    final class Scene {
        let room: ServerRoom
        let listener: Descriptor
        let child: ServerChild
        let client: TestPeer

        /// However slow the machine is: rates do not start over between two requests.
        static let longTimeUnit = ["-o", "anvil_rate_time_unit=1d"]

        init(_ options: [String] = []) throws {
            room = try ServerRoom()
            listener = try room.unixListener()
            child = try ServerChild("anvil", ["-t", "unix", "-l"] + options, room: room, listeners: [listener.number])
            client = try Self.greeted(room)
        }

        static func greeted(_ room: ServerRoom) throws -> TestPeer {
            let client = try room.connect()
            #expect(try client.receive(25) == "protocol=anvil_protocol\n\n")
            return client
        }

        /// The reply to one request, which ends with an empty line.
        func ask(_ request: String, _ ident: String = "smtp:192.0.2.1", _ peer: TestPeer? = nil) throws -> String {
            let peer = peer ?? client
            try peer.send("request=\(request)\nident=\(ident)\n\n")
            var text = ""
            while !text.hasSuffix("\n\n") {
                let more = try peer.receive(1)
                if more.isEmpty { break }
                text += more
            }
            return text
        }
    }

    @Test("every request has its reply")
    func replies() throws {
        let scene = try Scene(Scene.longTimeUnit)
        #expect(try scene.ask("connect") == "status=0\ncount=1\nrate=1\n\n")
        #expect(try scene.ask("message") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("recipient") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("recipient") == "status=0\nrate=2\n\n")
        #expect(try scene.ask("newtls") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("newtls_status") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("auth") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("lookup") == "status=0\ncount=1\nrate=1\nmail=1\nrcpt=2\nnewtls=1\nauth=1\n\n")
        #expect(try scene.ask("disconnect") == "status=0\n\n")
        #expect(try scene.ask("lookup") == "status=0\ncount=0\nrate=1\nmail=1\nrcpt=2\nnewtls=1\nauth=1\n\n")
        #expect(
            try scene.ask("lookup", "stranger") == "status=0\ncount=0\nrate=0\nmail=0\nrcpt=0\nnewtls=0\nauth=0\n\n"
        )
        #expect(try scene.ask("newtls_status", "stranger") == "status=0\nrate=0\n\n")
    }

    @Test("an unknown request is answered and the connection stays")
    func unknownRequest() throws {
        let scene = try Scene()
        #expect(try scene.ask("newtls_report") == "status=4294967295\n\n")
        #expect(scene.room.log.contains("warning: unrecognized request: \"newtls_report\", ignored"))
        #expect(try scene.ask("connect") == "status=0\ncount=1\nrate=1\n\n")
    }

    @Test("a rate for a stranger connects it first")
    func strangersRate() throws {
        let scene = try Scene()
        #expect(try scene.ask("message") == "status=0\nrate=1\n\n")
        #expect(try scene.ask("lookup") == "status=0\ncount=1\nrate=1\nmail=1\nrcpt=0\nnewtls=0\nauth=0\n\n")
    }

    @Test("a connection holds one client at a time")
    func oneClient() throws {
        let scene = try Scene()
        _ = try scene.ask("connect", "a")
        _ = try scene.ask("connect", "b")
        #expect(try scene.ask("lookup", "a").hasPrefix("status=0\ncount=0\n"))
        #expect(try scene.ask("disconnect", "a") == "status=0\n\n", "not ours any more: nothing happens")
        #expect(try scene.ask("lookup", "b").hasPrefix("status=0\ncount=1\n"))
    }

    @Test("closing a connection gives its client back once")
    func closing() throws {
        let scene = try Scene(Scene.longTimeUnit)
        do {
            let other = try Scene.greeted(scene.room)
            #expect(try scene.ask("connect", "a", other) == "status=0\ncount=1\nrate=1\n\n")
            #expect(try scene.ask("connect", "a") == "status=0\ncount=2\nrate=2\n\n")
        }
        #expect(
            eventually {
                (try? scene.ask("lookup", "a").hasPrefix("status=0\ncount=1\n")) == true
            }
        )
    }

    @Test("input that makes no sense ends the connection")
    func nonsense() throws {
        let scene = try Scene()
        try scene.client.send("ident=x\nrequest=connect\n\n")
        #expect(scene.client.isDisconnected())
        #expect(scene.room.log.contains("warning: missing attribute request in input"))
        #expect(try scene.ask("connect", "x", Scene.greeted(scene.room)) == "status=0\ncount=1\nrate=1\n\n")
    }

    @Test("peaks are reported at the end")
    func peaksAtTheEnd() throws {
        let scene = try Scene(["-o", "anvil_rate_time_unit=30s"])
        _ = try scene.ask("connect")
        _ = try scene.ask("auth")
        scene.child.closeStatus()
        #expect(scene.child.exit() == 0)
        for text in [
            "statistics: max connection rate 1/30s for (smtp:192.0.2.1) at ",
            "statistics: max connection count 1 for (smtp:192.0.2.1) at ",
            "statistics: max auth rate 1/30s for (smtp:192.0.2.1) at ", "statistics: max cache size 1 at ",
        ] {
            #expect(scene.room.log.contains(text))
        }
        #expect(scene.room.log.count("statistics: max message rate") == 0)
    }

    @Test("peaks are reported at intervals")
    func peaksAtIntervals() throws {
        let scene = try Scene(["-o", "anvil_status_update_time=1s"])
        _ = try scene.ask("connect")
        #expect(scene.room.log.contains("statistics: max connection rate 1/60s"))
        #expect(scene.child.isRunning)
    }

    @Test("anvil outlives its use limit")
    func noUseLimit() throws {
        let scene = try Scene(["-m", "1"])
        for _ in 0..<3 { _ = try Scene.greeted(scene.room) }
        #expect(try scene.ask("connect") == "status=0\ncount=1\nrate=1\n\n")
        #expect(scene.child.isRunning)
    }
}
