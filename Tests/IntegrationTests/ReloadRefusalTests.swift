//===----------------------------------------------------------------------===//
// Quartermaster: tests of reloads that must not happen
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// A broken configuration at reload leaves master, its children and every client as they were, with a message.
@Suite("Reloads that are refused", .timeLimit(.minutes(60))) struct ReloadRefusalTests {
    /// A running system, a client in the middle of its connection, and what must not change.
    private final class Scene {
        let system: MailSystem
        let port: UInt16
        let master: RunningProcess
        let client: Caller
        let children: [Int32]
        private let descriptors: [String]
        private var said = "half a "

        init() throws {
            port = try FreePort.next()
            system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
            master = try system.start()
            guard Caller.pid(.port(port)) != nil, Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil
            else { throw TestSupportError("not served:\n\(system.log)") }
            client = try Caller(.port(port))
            guard client.send(said) else { throw TestSupportError("cannot send") }
            let isServed = eventually { [system] in !system.servingChildren().isEmpty }
            guard isServed else { throw TestSupportError("not taken") }
            // The client has its process; what master still thought of it, it has done.
            try system.settle()
            children = system.processes().map(\.pid)
            descriptors = Self.descriptors(of: master.pid)
        }

        /// The client goes on with its line, lest the child's patience with it end in a long row of reloads.
        func murmur() {
            #expect(client.send("."))
            said += "."
        }

        /// Everything is as it was, and everybody is still served.
        func expectUnchanged(_ what: String) {
            #expect(master.isRunning, "\(what)")
            #expect(system.processes().map(\.pid) == children, "\(what): the same children")
            let isSame = eventually { Self.descriptors(of: master.pid) == descriptors }
            #expect(isSame, "\(what): the same descriptors in master")
            #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")).map { children.contains($0) } == true)
            #expect(Caller.pid(.port(port)) != nil, "\(what): a new client is served")
            #expect(!client.peek(), "\(what): the old client was not disturbed")
        }

        /// The old client gets its answer, the repaired configuration is taken.
        func finish() throws {
            #expect(client.send("line\n"))
            #expect(client.readAll()?.hasSuffix(" \(said)line\n") == true)
            try system.writeConfiguration()
            #expect(try system.reload(), "the repaired configuration is accepted: \(system.log)")
            #expect(Caller.pid(.port(port)) != nil)
            system.end()
        }

        private static func descriptors(of pid: Int32) -> [String] {
            let directory = "/proc/\(pid)/fd"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            return names.sorted().map { name in
                let link = try? FileManager.default.destinationOfSymbolicLink(atPath: directory + "/" + name)
                return "\(name) \(link ?? "")"
            }
        }
    }

    @Test("every malformed line of master.cf, with its exact text")
    func malformedLines() throws {
        let scene = try Scene()
        let system = scene.system
        let good = system.services.joined(separator: "\n")
        let cases: [(line: String, text: String)] = [
            ("a", "missing \"transport type\" field"),
            ("a unix", "missing \"private\" field"),
            ("a unix -", "missing \"unprivileged\" field"),
            ("a unix - -", "missing \"chroot\" field"),
            ("a unix - - n", "missing \"wakeup_time\" field"),
            ("a unix - - n -", "missing \"max_proc\" field"),
            ("a unix - - n - -", "missing \"command\" field"),
            ("a - - - n - - c", "field \"transport type\" has no default value"),
            ("a unix - - n - - -", "field \"command\" has no default value"),
            ("a tcp - - n - - c", "bad transport type: tcp"),
            ("a unix x - n - - c", "field \"private\": bad value: \"x\""),
            ("a unix - yes n - - c", "field \"unprivileged\": bad value: \"yes\""),
            ("a unix - - N - - c", "field \"chroot\": bad value: \"N\""),
            ("a unix - - n -1 - c", "field \"wakeup_time\": bad value: \"-1\""),
            ("a unix - - n - many c", "field \"max_proc\": bad value: \"many\""),
            ("2525 inet y - n - - c", "inet service cannot be private"),
            ("2525 inet - - n - - c", "inet service cannot be private"),
            ("[127.0.0.1:2525 inet n - n - - c", "missing \"]\" in \"[127.0.0.1:2525\""),
            ("25x inet n - n - - c", "garbage after numerical service in \"25x\""),
            // inet_protocols has no IPv6. A name would go to a name server, which may take long.
            ("[::1]:2525 inet n - n - - c", "bad hostname or network address: [::1]:2525"),
            ("a unix - - n - - c { x", "missing '}' in \"{ x\""),
            ("a unix - - n - - c {x}y", "syntax error after '}' in \"{x}y\""),
        ]
        for (line, text) in cases {
            try system.write(good + "\n" + line + "\n", to: system.masterCf)
            #expect(try !system.reload(), "\(line)")
            scene.murmur()
            let message = ": warning: \(system.masterCf), line 3: \(text)"
            #expect(system.logLines.contains { $0.hasSuffix(message) || $0.contains(message + " (") }, "\(line)")
        }
        #expect(system.count("reload refused: everything keeps running on the previous configuration") == cases.count)
        scene.expectUnchanged("after \(cases.count) refused reloads")
        try scene.finish()
    }

    @Test("a broken main.cf")
    func brokenMain() throws {
        let scene = try Scene()
        let system = scene.system
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        let cases: [(text: String, message: String)] = [
            ("mail_owner = no-such-user-here\n", "no-such-user-here"),
            ("service_throttle_time = soon\n", "service_throttle_time"),
            ("default_process_limit = -5\n", "default_process_limit"),
            ("just some words\n", "missing '=' after attribute name: \"just some words\""),
            ("inet_protocols = ipv5\n", "ipv5"),
            ("maillog_file_prefixes = /nonexistent\n", "does not match any prefix in maillog_file_prefixes"),
            ("queue_directory = /nonexistent\n", "parameter queue_directory: no such directory: /nonexistent (Create"),
            ("data_directory = /nonexistent\n", "parameter data_directory: no such directory: /nonexistent (Create"),
            (
                "daemon_directory = /nonexistent\n",
                "parameter daemon_directory: no such directory: /nonexistent (Create"
            ),
            ("inet_interfaces = 192.0.2.1\n", "no local interface found for 192.0.2.1 (Name only addresses of this"),
            ("import_environment = {\n", "import_environment: missing '}' in"),
        ]
        for (text, message) in cases {
            try system.write(good + text, to: system.mainCf)
            #expect(try !system.reload(), "\(text)")
            scene.murmur()
            let said = system.logLines.contains { $0.contains("]: warning: \(system.mainCf)") && $0.contains(message) }
            #expect(said, "\(text) \(system.logLines.suffix(3))")
        }
        try system.write("", to: system.mainCf)
        #expect(try !system.reload())
        #expect(system.count("warning: \(system.mainCf): no parameter is set (Restore the file;") == 1, "\(system.log)")
        scene.expectUnchanged("main.cf")
        try scene.finish()
    }

    @Test("files that are not there", arguments: ["main.cf", "master.cf"])
    func missing(_ name: String) throws {
        let scene = try Scene()
        let path = scene.system.configDirectory + "/" + name
        try FileManager.default.removeItem(atPath: path)
        #expect(try !scene.system.reload())
        #expect(scene.system.count("warning: open \(path): No such file or directory") == 1)
        scene.expectUnchanged(name)
        try scene.finish()
    }

    @Test("a port in use, behind services that could be made: none of them is")
    func portInUse() throws {
        let scene = try Scene()
        let system = scene.system
        let foreign = try ForeignListener()
        let fresh = try FreePort.next()
        let lines = [Line.unix("new", "serve"), Line.inet(fresh, "serve"), Line.inet(foreign.port, "serve")]
        try system.write((system.services + lines).joined(separator: "\n") + "\n", to: system.masterCf)
        #expect(try !system.reload())
        #expect(system.count("master.cf, line 5: bind 127.0.0.1 port \(foreign.port): Address already in use") == 1)
        #expect(FreePort.isFree(fresh), "a port taken on the way is given back")
        #expect(!FileManager.default.fileExists(atPath: system.queueDirectory + "/public/new"))
        scene.expectUnchanged("port in use")
        try scene.finish()
    }

    @Test("a service removed, one changed and one that cannot be made: nothing happens to the first two")
    func allOrNothing() throws {
        let scene = try Scene()
        let system = scene.system
        let lines = [Line.inet(scene.port, "crash"), "192.0.2.1:2525 inet n - n - - test-child mode=serve"]
        try system.write(lines.joined(separator: "\n") + "\n", to: system.masterCf)
        #expect(try !system.reload())
        #expect(system.count("master.cf, line 2: bind 192.0.2.1 port 2525: Cannot assign requested address") == 1)
        scene.expectUnchanged("all or nothing")
        try scene.finish()
    }

    @Test("a path that is too long, a directory in the way")
    func badPaths() throws {
        let scene = try Scene()
        let system = scene.system
        let name = String(repeating: "x", count: 200)
        try system.write(
            (system.services + [Line.unix(name, "serve")]).joined(separator: "\n") + "\n",
            to: system.masterCf
        )
        #expect(try !system.reload())
        #expect(system.count("unix-domain name too long: public/\(name)") == 1)

        let directory = system.queueDirectory + "/public/dir"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try system.write(
            (system.services + [Line.unix("dir", "serve")]).joined(separator: "\n") + "\n",
            to: system.masterCf
        )
        #expect(try !system.reload())
        #expect(system.count("master.cf, line 3: remove public/dir: Is a directory") == 1, "\(system.log)")
        #expect(FileManager.default.fileExists(atPath: directory))
        scene.expectUnchanged("paths")
        try scene.finish()
    }

    @Test("several mistakes at once are all named")
    func several() throws {
        let scene = try Scene()
        let system = scene.system
        try system.write("a tcp - - n - - c\nb unix x y z - - c\n\(Line.unix("talk", "serve"))\n", to: system.masterCf)
        #expect(try !system.reload())
        for text in ["line 1: bad transport type: tcp", "line 2: field \"private\"", "line 2: field \"chroot\""] {
            #expect(system.count(text) == 1, "\(text)")
        }
        scene.expectUnchanged("several")
        try scene.finish()
    }

    @Test("parameters that only a restart can change are warned about, and the rest is taken")
    func frozen() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start()
        let added = try FreePort.next()
        let other = system.directory + "/other"
        try FileManager.default.createDirectory(atPath: other + "/pid", withIntermediateDirectories: true)
        try system.setMain(["queue_directory": other])
        try system.setServices(system.services + [Line.inet(added, "serve")])
        #expect(try system.reload(), "\(system.log)")
        for text in [
            ": ignoring queue_directory parameter value change"
                + " -- old value: \"\(system.queueDirectory)\", new value: \"\(other)\"",
            "(To change queue_directory, stop and start master.)",
        ] { #expect(system.count(text) == 1, "\(text) in \(system.log)") }
        let places = system.logLines.filter {
            $0.contains(": warning: \(system.mainCf), line ") && $0.contains("ignoring")
        }
        #expect(places.count == 1, "\(system.log)")
        #expect(Caller.pid(.port(added)) != nil)
        #expect(Caller.pid(.port(port)) != nil)
    }
}
