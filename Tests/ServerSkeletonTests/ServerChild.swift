//===----------------------------------------------------------------------===//
// Quartermaster: a server with a hand-made parent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

/// What a server finds around it: configuration, queue directory, a log that the test reads, endpoints.
final class ServerRoom {
    let directory: TemporaryDirectory
    let log: LogCollector
    let queue: String

    /// - Parameter settings: further lines of main.cf.
    init(_ settings: String = "") throws {
        directory = try TemporaryDirectory("qm-server")
        queue = directory.file("queue")
        for name in ["queue", "queue/pid", "queue/public"] {
            try FileManager.default.createDirectory(atPath: directory.file(name), withIntermediateDirectories: true)
        }
        log = try LogCollector(path: "\(queue)/public/postlog")
        let main = """
            compatibility_level = 3.6
            queue_directory = \(queue)
            maillog_file = \(directory.file("mail.log"))
            maillog_file_prefixes = /tmp
            \(settings)

            """
        try directory.write(main, to: "main.cf")
        // A file that was written just now would be read again after a pause.
        let old = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: directory.file("main.cf"))
    }

    var environment: [String] {
        [
            "MAIL_CONFIG=\(directory.path)", "GENERATION=17", "MAIL_LOGTAG=test",
            "POSTLOG_SERVICE=\(queue)/public/postlog",
        ]
    }

    func unixListener(_ name: String = "endpoint") throws -> Descriptor {
        let path = "\(queue)/\(name)"
        guard let address = SocketAddress(unixPath: path) else { throw TestSupportError("path too long") }
        let listener = try makeSocket(.unix, .stream).moved(atLeast: 64)
        try listener.number.bind(to: address)
        try listener.number.listen(backlog: 128)
        try listener.number.setNonBlocking(true)
        return listener
    }

    func inetListener() throws -> Descriptor {
        let listener = try makeSocket(.ipv4, .stream).moved(atLeast: 64)
        try listener.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try listener.number.listen(backlog: 128)
        try listener.number.setNonBlocking(true)
        return listener
    }

    func datagramSocket(_ name: String = "endpoint") throws -> Descriptor {
        guard let address = SocketAddress(unixPath: "\(queue)/\(name)") else { throw TestSupportError("path too long") }
        let socket = try makeSocket(.unix, .datagram).moved(atLeast: 64)
        try socket.number.bind(to: address)
        try socket.number.setNonBlocking(true)
        return socket
    }

    func connect(_ name: String = "endpoint") throws -> TestPeer {
        guard let address = SocketAddress(unixPath: "\(queue)/\(name)") else { throw TestSupportError("path too long") }
        return try TestPeer(to: address, .stream)
    }

    func sender(_ name: String = "endpoint") throws -> TestPeer {
        guard let address = SocketAddress(unixPath: "\(queue)/\(name)") else { throw TestSupportError("path too long") }
        return try TestPeer(to: address, .datagram)
    }
}

/// A connected pair of sockets, each end to be taken or closed by itself.
final class SocketEnds {
    private var nearEnd: Descriptor?
    private var farEnd: Descriptor?

    init() throws {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) {
            socketpair(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue),
                0,
                $0.bindMemory(to: Int32.self).baseAddress
            )
        }
        guard result == 0 else { throw TestSupportError("socketpair: \(errno)") }
        nearEnd = Descriptor(owning: DescriptorNumber(ends.0))
        farEnd = Descriptor(owning: DescriptorNumber(ends.1))
    }

    var far: DescriptorNumber { farEnd?.number ?? DescriptorNumber(-1) }

    func takeNear() -> Descriptor? { nearEnd.take() }

    func peer() throws -> TestPeer {
        guard let near = nearEnd.take() else { throw TestSupportError("taken already") }
        return TestPeer(near)
    }

    func closeFar() { farEnd = nil }
}

/// One record on the status channel.
struct Record: Equatable {
    let pid: Int32
    let generation: UInt32
    let availability: Int32
}

/// Whose child a server is to take itself for.
enum Parent { case ours, foreign }

/// A server process with the descriptors that master would have given it.
final class ServerChild {
    private static let starting = NSLock()

    let pid: Int32
    private var status: Descriptor?
    /// The children's end of the status channel.
    private var writeEnd: Descriptor?
    let flow: DescriptorPair
    private var exitStatus: Int32?

    /// - Parameters:
    ///   - listeners: borrowed; the server gets copies from number 6 on.
    ///   - tokens: how many there are in the flow pipe.
    ///   - hasMaster: whether 3 to 5 exist at all.
    ///   - parent: what the status channel is marked with.
    init(
        _ program: String,
        _ options: [String],
        room: ServerRoom,
        listeners: [DescriptorNumber] = [],
        environment: [String]? = nil,
        input: DescriptorNumber? = nil,
        output: DescriptorNumber? = nil,
        errors: DescriptorNumber? = nil,
        tokens: Int = 0,
        hasMaster: Bool = true,
        parent: Parent = .ours
    ) throws {
        let flow = try makePipe(nonBlocking: true)
        if tokens > 0 { _ = try flow.second.number.write([UInt8](repeating: 0, count: tokens)) }
        let pair = try SocketEnds()
        if parent == .ours { try pair.far.setOption(.priority, StatusChannelMark.socketPriority) }
        let null = try openFile("/dev/null", .readWrite)
        var moves: [(from: DescriptorNumber, to: DescriptorNumber)] = []
        var sources = DescriptorList()
        func move(_ number: DescriptorNumber, to target: Int32) throws {
            sources.append(try number.duplicate(atLeast: 100))
            guard let source = sources.numbers.last else { return }
            moves.append((source, DescriptorNumber(target)))
        }
        try move(input ?? null.number, to: 0)
        try move(output ?? null.number, to: 1)
        if let errors { try move(errors, to: 2) }
        if hasMaster {
            try move(flow.first.number, to: 3)
            try move(flow.second.number, to: 4)
            try move(pair.far, to: 5)
            for (index, listener) in listeners.enumerated() { try move(listener, to: 6 + Int32(index)) }
        }
        // The server's working directory is the queue directory, as master has it.
        let image = ChildImage(
            path: "/bin/sh",
            arguments: [
                "sh", "-c", "cd \"$0\" && exec \"$@\"", room.queue,
                program.hasPrefix("/") ? program : BuiltProducts.path(program),
            ] + options,
            environment: (environment ?? room.environment) + ["PATH=/usr/bin:/bin"],
            moves: moves
        )
        // Starting is for a process with one thread; tests have many.
        let outcome = Self.starting.withLock { spawn(image) }
        guard case .started(let pid) = outcome else { throw TestSupportError("cannot start \(program): \(outcome)") }
        self.pid = pid
        self.flow = flow
        status = pair.takeNear()
        writeEnd = try pair.far.duplicate(atLeast: 100)
        pair.closeFar()
    }

    /// Fills the status channel up, and makes room for so many records again.
    func fillStatus(leavingRoomFor records: Int) throws {
        let junk = [UInt8](repeating: 0xff, count: 12)
        while case .bytes(12) = try writeEnd?.number.send(junk) {}
        #expect(try self.records(records).count == records)
    }

    deinit {
        if exitStatus == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }

    /// What the server says, until it has said `count` things or nothing more comes. Ask for as many as must come: a
    /// short limit is only for seeing that nothing comes.
    func records(_ count: Int, within milliseconds: Int32 = patience.milliseconds) throws -> [Record] {
        var found: [Record] = []
        guard let channel = status?.number else { return found }
        while found.count < count, try channel.waitForInput(milliseconds: milliseconds) {
            guard let bytes = try channel.read(atMost: 12), bytes.count == 12 else { break }
            found.append(
                bytes.withUnsafeBytes {
                    Record(
                        pid: $0.loadUnaligned(as: Int32.self),
                        generation: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                        availability: $0.loadUnaligned(fromByteOffset: 8, as: Int32.self)
                    )
                }
            )
        }
        return found
    }

    /// What the server says last, before it has been quiet for longer than a process that pauses is.
    func lastRecord() throws -> Record? {
        var last: Record?
        // Only AVAIL is worth the short wait: what is wrong may be that it never comes.
        while let record = try records(1, within: last == available() ? 2500 : patience.milliseconds).first {
            last = record
        }
        return last
    }

    func taken() -> Record { Record(pid: pid, generation: 0o17, availability: 0) }
    func available() -> Record { Record(pid: pid, generation: 0o17, availability: 1) }

    /// Master goes away.
    func closeStatus() {
        status = nil
        writeEnd = nil
    }

    /// The exit status, or nil if the process still runs when the time is over; a signal counts as 1000 + its number.
    func exit(within limit: Duration = patience) -> Int32? {
        _ = eventually(within: limit) {
            var state: Int32 = 0
            if exitStatus == nil, waitpid(pid, &state, WNOHANG) == pid {
                exitStatus = state & 0x7f == 0 ? (state >> 8) & 0xff : 1000 + state & 0x7f
            }
            return exitStatus != nil
        }
        return exitStatus
    }

    var isRunning: Bool { exit(within: .zero) == nil }

    /// Lets the server open so many descriptors more than it has open now.
    func limitDescriptors(toMore count: Int) throws {
        try limitDescriptors(to: FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count + count)
    }

    private func limitDescriptors(to limit: Int) throws {
        let limiter = Process()
        limiter.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        limiter.arguments = ["--pid", "\(pid)", "--nofile=\(limit):\(limit)"]
        try limiter.run()
        limiter.waitUntilExit()
        #expect(limiter.terminationStatus == 0)
    }

    /// Leaves the server no further descriptor: every number below the limit is in use.
    func exhaustDescriptors() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
        let used = Set(names.compactMap { Int($0) })
        try limitDescriptors(to: (0...).first { !used.contains($0) } ?? 0)
    }

    /// What the kernel wakes the server for on its endpoint `number`: the events of epoll_ctl(2); nil when it does not.
    func registration(_ number: Int = 6) throws -> UInt32? { try Self.registration(number, of: pid) }

    static func registration(_ number: Int, of pid: Int32) throws -> UInt32? {
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fdinfo") {
            let info = (try? String(contentsOfFile: "/proc/\(pid)/fdinfo/\(name)", encoding: .utf8)) ?? ""
            for line in info.split(separator: "\n") where line.hasPrefix("tfd:") {
                let words = line.split { $0 == " " || $0 == "\t" }
                if words.count > 3, Int(words[1]) == number { return UInt32(words[3], radix: 16) }
            }
        }
        return nil
    }
}
