//===----------------------------------------------------------------------===//
// Quartermaster: relay when the machine is short of descriptors or memory for its upstreams
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServiceTesting
import SystemCalls
import TestSupport
import Testing

@testable import relay

#if DEBUG
/// Each in a process of its own: the kernel of such a test fails for that process alone.
struct ShortageTests {
    /// A relay, and the upstream behind it.
    private final class Scene {
        let tester: ServiceTester
        let home: TemporaryDirectory
        let server: Descriptor

        init(_ settings: [String: String] = [:]) throws {
            home = try TemporaryDirectory("qm-relay")
            let path = home.file("behind")
            tester = try ServiceTester(
                event: Relay.self,
                settings: ["relay_upstreams": "unix:\(path)"].merging(settings) { $1 }
            )
            server = try Self.listener(at: path)
        }

        private static func listener(at path: String) throws -> Descriptor {
            guard let address = SocketAddress(unixPath: path) else { throw TestSupportError("path too long") }
            let server = try makeSocket(.unix, .stream)
            try server.number.bind(to: address)
            try server.number.listen(backlog: 8)
            try server.number.setNonBlocking(true)
            return server
        }

        var hasConnection: Bool { get throws { try server.number.waitForInput(milliseconds: 0) } }

        /// The upstream's end of the next connection, and what came on it.
        func accept(_ text: String) throws {
            try #require(try hasConnection, "\(tester.log)")
            guard case .client(let behind) = try server.number.accept() else { throw TestSupportError("nobody") }
            let bytes = try #require(try behind.number.read(atMost: 64))
            try #require(String(decoding: bytes, as: UTF8.self) == text)
        }

        func count(_ text: String) -> Int { tester.log.count { $0.contains(text) } }
    }

    @Test("a client is kept while there is no descriptor or memory for its upstream, and others wait behind it")
    func passing() async {
        await #expect(processExitsWith: .success) {
            let faults: [(SystemCall, Errno)] = [
                (.socket, .tooManyOpenFiles), (.socket, .tooManyOpenFilesInSystem), (.socket, .noMemory),
                (.connect, .noBufferSpace), (.connect, .noMemory),
            ]
            for (call, code) in faults {
                let scene = try Scene()
                // The first one is the client's own.
                FaultPlan.fail(call, with: code, afterPassing: 1, times: 3)
                let client = try scene.tester.connect()
                try client.send("hello")
                try #require(try !scene.hasConnection)
                FaultPlan.clear()
                let second = try scene.tester.connect()
                try second.send("me too")
                FaultPlan.fail(call, with: code, times: 2)
                for _ in 0..<2 {
                    try scene.tester.advance(milliseconds: 100)
                    try #require(try !scene.hasConnection, "\(call) \(code)")
                }
                try #require(faultsLeft(call) == 0, "one try each time")
                FaultPlan.clear()
                try scene.tester.advance(milliseconds: 100)
                try scene.accept("hello")
                try scene.accept("me too")
                let text = "warning: connect to upstreams: \(SystemError(call, code).reason) -- keeping clients"
                try #require(scene.count(text) == 1, "\(scene.tester.log)")
                try #require(scene.count("closing a client") == 0)
                try #require(scene.count("leaving it alone") == 0, "no fault of the upstream's")
                withExtendedLifetime((client, second)) {}
            }
        }
    }

    @Test("a shortage that lasts: ten tries a second, and the client is closed when the time to connect is over")
    func lasting() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene(["relay_connect_timeout": "2s"])
            FaultPlan.fail(.socket, with: .tooManyOpenFiles, afterPassing: 1, times: 1000)
            let client = try scene.tester.connect()
            try scene.tester.advance(milliseconds: 1900)
            try #require(try client.received() == "")
            try #require(try !client.isDisconnected())
            try scene.tester.advance(milliseconds: 200)
            try #require(try client.isDisconnected(), "\(scene.tester.log)")
            let tries = 1000 - faultsLeft(.socket)
            try #require((15...25).contains(tries), "\(tries)")
            FaultPlan.clear()
            try #require(scene.count("Too many open files -- keeping clients, and trying again") == 1)
            try #require(scene.count("Too many open files -- closing a client") == 1)
            // Nothing of it stays behind.
            let next = try scene.tester.connect()
            try next.send("next")
            try scene.tester.advance(milliseconds: 100)
            try scene.accept("next")
        }
    }

    @Test("a client that waits may leave, or be cut off by the end of the process")
    func leaving() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene(["relay_idle_timeout": "1s", "relay_connect_timeout": "1h"])
            FaultPlan.fail(.socket, with: .tooManyOpenFiles, afterPassing: 1, times: 1000)
            let client = try scene.tester.connect()
            // Nothing moves.
            try scene.tester.advance(seconds: 3)
            try #require(try client.isDisconnected(), "\(scene.tester.log)")
            FaultPlan.clear()
            FaultPlan.fail(.socket, with: .tooManyOpenFiles, afterPassing: 1, times: 1000)
            let second = try scene.tester.connect()
            try scene.tester.leave()
            try #require(!scene.tester.hasEnded, "it may come to an upstream yet")
            FaultPlan.clear()
            try scene.tester.advance(milliseconds: 100)
            try second.send("last")
            try scene.accept("last")
            // The upstream has hung up, and so does the client.
            try second.hangUp()
            try scene.tester.advance(milliseconds: 100)
            try #require(scene.tester.hasEnded, "\(scene.tester.log)")
        }
    }
}

/// Of these calls that were to fail, those that still would.
private func faultsLeft(_ call: SystemCall) -> Int {
    var left = 0
    while FaultPlan.next(call) != nil { left += 1 }
    return left
}
#endif
