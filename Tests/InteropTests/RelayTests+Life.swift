//===----------------------------------------------------------------------===//
// Quartermaster: the relay's processes, and TLS, under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation.Relay {
    @Test("no byte is lost when master is reloaded, nor when it is killed", arguments: masters)
    func reloadAndDeath(_ master: MasterUnderTest) throws {
        let scene = try Scene(master)
        defer { scene.sandbox.destroy() }
        try scene.sandbox.start()
        let server = try scene.server()
        let first = try scene.pair(server)
        let old = StreamTraffic(client: first.client, server: first.server)
        #expect(old.flows())
        let worker = try #require(scene.workers.first)
        try scene.sandbox.reload()
        #expect(old.flows(), "\(scene.sandbox.logTail())")
        let second = try scene.pair(server)
        let new = StreamTraffic(client: second.client, server: second.server, seed: 3)
        #expect(new.flows())
        #expect(scene.workers.contains { $0 != worker }, "a fresh process serves who comes after a reload")
        kill(try #require(scene.sandbox.masterPID), SIGKILL)
        #expect(eventually { !scene.sandbox.isRunning })
        #expect(old.flows() && new.flows(), "\(scene.sandbox.logTail())")
        #expect(old.isWhole())
        #expect(new.isWhole())
        #expect(eventually { scene.workers.isEmpty }, "they end with their last connection")
    }

    @Test("the processes run as the owner of the mail system in its jail, and reach upstreams", arguments: masters)
    func privileges(_ master: MasterUnderTest) throws {
        let scene = try Scene(
            master,
            fields: "n y y - 1",
            ["relay_upstreams=localhost:PORT", "relay_balance=first"]
        )
        defer { scene.sandbox.destroy() }
        try scene.sandbox.start()
        let server = try scene.server()
        let (client, behind) = try scene.pair(server)
        let worker = try #require(scene.sandbox.processes(named: "relay").first)
        let status = try String(contentsOfFile: "/proc/\(worker.pid)/status", encoding: .utf8)
        let owner = try #require(getpwnam("postfix")).pointee
        let ids = { (id: UInt32) in Array(repeating: String(id), count: 4).joined(separator: "\t") }
        #expect(status.contains("\nUid:\t\(ids(owner.pw_uid))\n"), "\(status)")
        #expect(status.contains("\nGid:\t\(ids(owner.pw_gid))\n"), "\(status)")
        #expect(status.contains("\nCapEff:\t0000000000000000\n"))
        #expect(status.contains("\nCapPrm:\t0000000000000000\n"))
        #expect(worker.rootDirectory == scene.sandbox.queueDirectory)
        let traffic = StreamTraffic(client: client, server: behind)
        #expect(traffic.flows())
        #expect(traffic.isWhole())
        #expect(scene.sandbox.alarms == [])
    }

    @Test("SIGTERM ends a process at once", arguments: masters)
    func termination(_ master: MasterUnderTest) throws {
        let scene = try Scene(master)
        defer { scene.sandbox.destroy() }
        try scene.sandbox.start()
        let server = try scene.server()
        let (client, behind) = try scene.pair(server)
        #expect(client.send("x"))
        #expect(behind.read(exactly: 1) == "x")
        kill(try #require(scene.workers.first), SIGTERM)
        #expect(client.readAll().bytes == [])
        #expect(eventually { scene.workers.isEmpty })
    }

    @Test("a mistake in a parameter is fatal, with its cure", arguments: masters)
    func mistakes(_ master: MasterUnderTest) throws {
        let scene = try Scene(master, ["relay_proxy_protocol=v3"])
        defer { scene.sandbox.destroy() }
        try scene.sandbox.start()
        _ = try scene.client()
        let text = "fatal: parameter relay_proxy_protocol: unknown value: v3"
        #expect(scene.sandbox.wait(for: text), "\(scene.sandbox.logTail())")
        #expect(scene.sandbox.wait(for: "Set relay_proxy_protocol to none, v1 or v2."))
    }

    // MARK: TLS

    @Test("TLS goes through from end to end", arguments: masters)
    func tls(_ master: MasterUnderTest) throws {
        let scene = try Scene(master)
        defer { scene.sandbox.destroy() }
        try scene.sandbox.start()
        let files = try TemporaryDirectory("qm-relay-tls")
        defer { files.remove() }
        let (key, certificate) = (files.file("key.pem"), files.file("certificate.pem"))
        let name = ["-subj", "/CN=behind.example", "-addext", "subjectAltName=DNS:behind.example"]
        let made = try run(
            ["/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"] + name
                + ["-keyout", key, "-out", certificate]
        )
        #expect(made.succeeded, "\(made)")
        let server = try RunningProcess(
            ["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:\(scene.upstream)", "-cert", certificate]
                + ["-key", key, "-www", "-quiet"],
            keepsInputOpen: true
        )
        defer { server.end() }
        #expect(eventually { (try? StreamEnd(.port(scene.upstream))) != nil }, "\(server.output)")
        // The server closes when it has answered, and so the client ends.
        let request = "printf 'GET / HTTP/1.0\\r\\n\\r\\n'"
        let options = "-quiet -verify_return_error -verify_hostname behind.example -servername behind.example"
        let client = try run(
            [
                "/bin/sh", "-c",
                "\(request) | openssl s_client \(options) -CAfile \(certificate) -connect 127.0.0.1:\(scene.port)",
            ]
        )
        #expect(client.succeeded && client.output.contains("HTTP/1.0 200 ok"), "\(client)")
    }
}
