//===----------------------------------------------------------------------===//
// Quartermaster: a service in a unit test, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
package import ServerSkeleton
package import SystemCalls

/// Why a test of a service cannot go on.
public struct ServiceTestError: Error, CustomStringConvertible {
    public let description: String

    package init(_ description: String) { self.description = description }
}

/// How clients reach a service under test. Of datagrams, the one is `unix-dgram`, and the other `udp`.
public enum TestedTransport: Sendable {
    case unix
    /// TCP or UDP on the loopback interface, for a service that asks for addresses.
    case inet
}

/// Runs a service inside of the test, on a thread of its own, as its server runs it under `master`: the same code, real
/// sockets, and a clock that the test moves.
///
///     let tester = try ServiceTester(stream: WordCount.self, settings: ["wordcount_line_limit": "20"])
///     let client = try tester.connect()
///     #expect(try client.received() == "ready\n")
///     try client.send("one two\n")
///     #expect(try client.received() == "2 2\n")
///
/// Whatever a test asks for, the service has done all it has to do when the call returns. Only a blocking service may
/// be in the middle of it, waiting for its client; `received(count:)` and `receivedLine()` wait for it.
///
/// A message of severity fatal ends the test's process, as it would end the service's: test that with an exit test.
/// `prepare` and `init` run with the rights of the test. A tester and its clients are used by one task at a time.
public final class ServiceTester {
    private let conductor: TestConductor
    private let address: SocketAddress
    private let kind: SocketKind
    let waiting: Waiting
    /// What the server said when it had nothing to do; nil while it works, or is going to.
    private var quiet: TestConductor.Quiet?
    private var needsTurn = false
    public private(set) var hasEnded = false
    /// Milliseconds by which `advance` has moved the clock.
    public private(set) var elapsedMilliseconds: Int64 = 0

    /// How long the tester waits for what must happen, in milliseconds.
    static let patience: Int32 = 30_000
    package var patience = ServiceTester.patience

    /// What the service may wait for, besides what the server waits for.
    package enum Waiting {
        case nothing
        /// A handler waits for its client, so that the server is not quiet.
        case client
        /// A task waits for another thread, or for an executor that is not the loop's.
        case elsewhere
    }

    // MARK: start

    package init(
        _ settings: [String: String],
        _ arguments: [String],
        _ transport: TestedTransport,
        kind: SocketKind = .stream,
        waiting: Waiting,
        _ serve: @escaping (TestConductor) -> Void
    ) throws {
        self.kind = kind
        self.waiting = waiting
        let endpoint = try makeSocket(transport == .inet ? .ipv4 : .unix, kind)
        address = try Self.bind(endpoint.number)
        if kind == .stream {
            try endpoint.number.listen(backlog: 128)
            // Of connections, too: small writes arrive without a pause.
            if transport == .inet { try endpoint.number.setOption(.noDelay, 1) }
        }
        try endpoint.number.setNonBlocking(true)
        let conductor = try TestConductor(
            settings: settings,
            arguments: arguments,
            transport: transport.named(kind),
            endpoint: endpoint,
            log: try makeMemoryFile("log of a service under test")
        )
        self.conductor = conductor
        try startThread { serve(conductor) }
        try settle()
    }

    /// Of this process and no other, and gone with it.
    private static func bind(_ socket: DescriptorNumber) throws -> SocketAddress {
        let local = try socket.name(ofPeer: false)
        if local?.family == .ipv4 {
            try socket.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        } else {
            let name = "quartermaster-test-\(processID())-\(socket.rawValue)-\(Clock.monotonicNanoseconds())"
            guard let address = SocketAddress(abstractName: name) else { throw ServiceTestError("no address") }
            try socket.bind(to: address)
        }
        guard let address = try socket.name(ofPeer: false) else { throw ServiceTestError("no address") }
        return address
    }

    deinit {
        // The thread ends by itself; a handler that waits for its client does when that one is gone.
        conductor.say(.abandon)
    }

    // MARK: clients

    /// A client that is connected, and that the service has been told of.
    public func connect() throws -> TestClient {
        guard kind == .stream else { throw ServiceTestError("a datagram service has no connections: use sender()") }
        let client = try client()
        try happened()
        return client
    }

    /// Somebody who sends datagrams, with an address to which answers can be sent.
    public func sender() throws -> TestClient {
        guard kind == .datagram else { throw ServiceTestError("not a datagram service: use connect()") }
        return try client()
    }

    /// The server knows it by its address, and so does what is to happen to it.
    private func client() throws -> TestClient {
        let socket = try makeSocket(address.family, kind)
        let own = try Self.bind(socket.number)
        try socket.number.connect(to: address)
        return TestClient(socket, self, address: own)
    }

    /// A trigger with these bytes, as `master` and other processes send them. When this returns, the work is done.
    public func trigger(_ bytes: String = "W") throws {
        let socket = try makeSocket(address.family, kind)
        try socket.number.connect(to: address)
        // Before the service is told of it: it would wait for them.
        _ = try socket.number.send(Array(bytes.utf8))
        try socket.number.shutdownWriting()
        try happened()
    }

    // MARK: time

    /// Moves the clock of the service. Everything that is due on the way happens at its time: timers, `willWait`, and
    /// the limits of idle and silent clients.
    public func advance(seconds: Int64) throws { try advance(milliseconds: seconds * 1000) }

    public func advance(milliseconds: Int64) throws {
        var left = max(milliseconds, 0)
        try settle()
        while left > 0, !hasEnded {
            guard let quiet else { throw busy() }
            let due = min(quiet.nextTimer ?? .max, quiet.wish ?? .max)
            let step = min(left, max(due, 1))
            left -= step
            elapsedMilliseconds += step
            say(.advance(milliseconds: step))
            try settle()
        }
    }

    // MARK: the end

    /// Master is gone, or has closed its channel: the service ends, after `willExit`, and, where it asks for time to
    /// finish, after that.
    public func leave() throws {
        try settle()
        if hasEnded { return }
        say(.leave)
        try settle()
    }

    /// SIGTERM. Streams and blocking services have no hook for it: their process would end at once.
    public func terminate() throws {
        try settle()
        if hasEnded { return }
        say(.terminate)
        try settle()
    }

    /// The process has lived for the time of `-r`, and leaves as after `leave()`; an event service hears `retired`.
    public func retire() throws {
        try settle()
        if hasEnded { return }
        say(.retire)
        try settle()
    }

    // MARK: the log

    /// What the service has logged, without date and name: `warning: a line of 40 bytes`.
    public var log: [String] {
        guard let text = try? logText() else { return [] }
        return text.split(separator: "\n").map { line in
            // Mar 05 10:00:00 host test/test[pid]: text
            var parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)[...]
            parts = parts.dropFirst(3)
            return String((parts.first ?? "").drop { $0 == " " })
        }
    }

    private func logText() throws -> String {
        var bytes: [UInt8] = []
        // A descriptor of its own has a place of its own in the file.
        let file = try openFile("/proc/self/fd/\(conductor.logFile.rawValue)", .readOnly)
        while let block = try file.number.read(atMost: 65_536), !block.isEmpty { bytes += block }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: turns

    /// Something happened that the service has to see.
    func happened() throws {
        needsTurn = true
        if waiting == .client { nudge() } else { try settle() }
    }

    /// Whether something may come though the service is quiet: the network takes its time, too.
    var mayBeLate: Bool { waiting != .nothing || address.family != .unix }

    /// Something may have happened that this process does not see.
    func looksAgain() throws {
        if waiting == .elsewhere { try happened() } else { nudge() }
    }

    /// Gives a server that is quiet a turn, and does not wait for one that is not.
    func nudge() {
        hear(within: 0)
        if quiet != nil, needsTurn { say(.goOn) }
    }

    /// Until the server has nothing to do any more.
    private func settle() throws {
        if quiet == nil { hear(within: patience) }
        // One that blocks answers a turn only when its clients let it.
        while !hasEnded {
            guard quiet != nil else { throw busy() }
            if !needsTurn { return }
            say(.goOn)
            hear(within: patience)
        }
    }

    private func say(_ word: TestConductor.Word) {
        quiet = nil
        needsTurn = false
        conductor.say(word)
    }

    private func hear(within milliseconds: Int32) {
        if hasEnded || quiet != nil { return }
        switch conductor.news(within: milliseconds) {
        case .quiet(let quiet): self.quiet = quiet
        case .ended: hasEnded = true
        case .nothing: break
        }
    }

    private func busy() -> ServiceTestError {
        ServiceTestError(
            waiting == .client
                ? "the service is busy with a client: let that one hang up"
                : "a handler does not return, or is always ready to run:\n\(log)"
        )
    }
}

extension TestedTransport {
    fileprivate func named(_ kind: SocketKind) -> Transport {
        switch (self, kind) {
        case (.unix, .stream): .unix
        case (.unix, .datagram): .unixDatagram
        case (.inet, .stream): .inet
        case (.inet, .datagram): .udp
        }
    }
}
