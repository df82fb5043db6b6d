//===----------------------------------------------------------------------===//
// Quartermaster: a service under a real master, for the time of a test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import SystemCalls

/// A line of `master.cf` for a test.
public struct TestedLine: Sendable {
    enum Address: Sendable {
        case unix(String)
        case inet
    }

    let name: String
    let address: Address
    let type: String
    let program: String
    let arguments: [String]
    let processLimit: Int

    /// A service on a UNIX socket.
    ///
    /// - Parameters:
    ///   - program: its path, or its name: then it is looked for beside the test's own program, where SwiftPM puts the
    ///     products of the same build.
    ///   - arguments: options and arguments, as in `master.cf`.
    public static func unix(
        _ name: String,
        program: String,
        arguments: [String] = [],
        processLimit: Int = 5
    ) -> TestedLine {
        TestedLine(
            name: name,
            address: .unix(name),
            type: "unix",
            program: program,
            arguments: arguments,
            processLimit: processLimit
        )
    }

    /// A service on a free TCP port of the loopback interface. `name` is what the test calls it.
    public static func inet(
        _ name: String,
        program: String,
        arguments: [String] = [],
        processLimit: Int = 5
    ) -> TestedLine {
        TestedLine(
            name: name,
            address: .inet,
            type: "inet",
            program: program,
            arguments: arguments,
            processLimit: processLimit
        )
    }

    /// A service of datagrams on a UNIX socket.
    public static func datagram(
        _ name: String,
        program: String,
        arguments: [String] = [],
        processLimit: Int = 1
    ) -> TestedLine {
        TestedLine(
            name: name,
            address: .unix(name),
            type: "unix-dgram",
            program: program,
            arguments: arguments,
            processLimit: processLimit
        )
    }
}

/// Starts a real `master` with these services in a directory of its own, as the user of the test, waits until it
/// serves, and ends it and its processes when `body` is done. What the log says is part of an error that `body` throws.
///
///     try withMaster(.unix("words", program: "wordcount")) { master in
///         let client = try master.connect("words")
///         #expect(try client.receivedLine() == "ready")
///     }
///
/// - Parameters:
///   - settings: of `main.cf`.
///   - programs: where `master` and the programs are that are named without a path; nil: beside the test's own program,
///     or else in the directories that `QUARTERMASTER_PROGRAMS` in the environment names, with `:` between them.
public func withMaster<Result>(
    _ services: TestedLine...,
    settings: [String: String] = [:],
    programs: String? = nil,
    _ body: (RunningMaster) throws -> Result
) throws -> Result {
    let master = try RunningMaster(services, settings, programs)
    defer { master.end() }
    do {
        try master.start()
        return try body(master)
    } catch {
        throw ServiceTestError("\(error)\n\(master.output)\n\(master.log)")
    }
}

/// A `master` that runs for a test, and where its services are.
public final class RunningMaster {
    /// Everything of this master is below: `etc`, `queue`, `data`, `sbin` and `log`.
    public let directory: String
    let programs: [String]
    var ports: [String: UInt16] = [:]
    private var pid: Int32?

    init(_ services: [TestedLine], _ settings: [String: String], _ programs: String?) throws {
        self.programs = try programs.map { [$0] } ?? Self.usualDirectories()
        directory = try Self.makeDirectory()
        do {
            for name in ["etc", "queue", "queue/pid", "queue/private", "queue/public", "data", "sbin", "log"] {
                try Self.make(directory + "/" + name)
            }
            for name in ["queue/private", "queue/public", "data"] { try giveToOwner(directory + "/" + name) }
            try place("master")
            for service in services { try place(service.program) }
            try writeMain(settings)
            try writeServices(services)
        } catch {
            removeDirectory()
            throw error
        }
    }

    // MARK: what a test asks

    public var configDirectory: String { directory + "/etc" }
    public var queueDirectory: String { directory + "/queue" }
    /// Of the master, while it runs.
    public var processID: Int32? { pid }

    /// The path of a service on a UNIX socket.
    public func path(of service: String) -> String { "\(queueDirectory)/public/\(service)" }

    /// The port of a service on a TCP socket, on 127.0.0.1.
    public func port(of service: String) -> UInt16? { ports[service] }

    /// What master and services have logged so far.
    public var log: String { Self.text("\(directory)/log/mail.log") }

    /// Whether a line with this text comes within half a minute.
    public func logs(_ text: String) -> Bool { Self.eventually { log.contains(text) } }

    /// A connection to a service.
    public func connect(_ service: String) throws -> TestClient {
        let address = try address(of: service)
        let socket = try makeSocket(address.family, .stream)
        try socket.number.connect(to: address)
        return TestClient(socket, nil)
    }

    /// Somebody who sends datagrams to a service.
    public func sender(_ service: String) throws -> TestClient {
        let socket = try makeSocket(.unix, .datagram)
        try socket.number.connect(to: try address(of: service))
        return TestClient(socket, nil)
    }

    private func address(of service: String) throws -> SocketAddress {
        if let port = ports[service] { return SocketAddress(ipv4: [127, 0, 0, 1], port: port) }
        guard let address = SocketAddress(unixPath: path(of: service)) else { throw ServiceTestError("path too long") }
        return address
    }

    /// Has master read its configuration again, and waits for what comes of it.
    public func reload() throws {
        guard let pid else { throw ServiceTestError("no master runs") }
        let before = count(" reload accepted: ") + count(" reload refused: ")
        try sendSignal(.hangup, to: pid)
        guard Self.eventually({ count(" reload accepted: ") + count(" reload refused: ") > before }) else {
            throw ServiceTestError("no reload")
        }
    }

    private func count(_ text: String) -> Int {
        log.split(separator: "\n").count { $0.contains(text) }
    }

    // MARK: start and end

    /// Longest life of a master whose test has died, in seconds.
    private static let lifetime = "900"

    func start() throws {
        let taker = try LogTaker(logSocket, file: "\(directory)/log/mail.log")
        try startThread { taker.take() }
        let null = try openFile("/dev/null", .readOnly).moved(atLeast: ChildImage.lowestSource)
        let output = try openFile(outputFile, [.writeOnly, .create, .append], mode: 0o600)
            .moved(atLeast: ChildImage.lowestSource)
        // A session of its own: what master does to its process group must not reach the test.
        let image = ChildImage(
            path: "/usr/bin/setsid",
            arguments: [
                "setsid", "\(directory)/sbin/master", "-c", configDirectory, "-d", "-e", Self.lifetime,
            ],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"],
            moves: [
                (from: null.number, to: .standardInput), (from: output.number, to: .standardOutput),
                (from: output.number, to: .standardError),
            ]
        )
        switch spawn(image) {
        case .started(let pid): self.pid = pid
        case .execFailed(let pid, let error), .moveFailed(let pid, _, let error):
            _ = try? waitForChild(pid)
            throw ServiceTestError("master cannot be started: \(error.reason)")
        case .forkFailed(let error): throw ServiceTestError("master cannot be started: \(error.reason)")
        }
        let isThere = Self.eventually { hasEnded || log.contains("daemon started -- version ") }
        guard isThere, !hasEnded else { throw ServiceTestError("master did not start") }
    }

    private var hasEnded: Bool {
        guard let pid else { return true }
        if !hasChildEnded(pid) { return false }
        self.pid = nil
        return true
    }

    func end() {
        if let pid {
            try? sendSignal(.terminate, to: pid)
            if !Self.eventually({ hasEnded }) { _ = Self.eventually { endNow(pid) } }
            // Whoever is left of its session: services in the middle of something.
            try? sendSignal(.kill, to: -pid)
        }
        LogTaker.end(logSocket)
        removeDirectory()
    }

    private var logSocket: String { "\(queueDirectory)/public/postlog" }

    private func endNow(_ pid: Int32) -> Bool {
        try? sendSignal(.kill, to: pid)
        return hasEnded
    }

    /// Asks again and again, for half a minute.
    private static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<3000 {
            if condition() { return true }
            pause(milliseconds: 10)
        }
        return condition()
    }
}
