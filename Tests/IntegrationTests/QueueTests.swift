//===----------------------------------------------------------------------===//
// Quartermaster: tests of master with more clients than children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A service whose children come up only when the test lets them.
private final class GatedService {
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case inet, unix
        var testDescription: String { rawValue }

        /// Those whose queues this kernel lets master see.
        static var visible: [Kind] { allCases.filter { $0 == .inet || UnixQueue.isVisible } }
    }

    let system: MailSystem
    let place: Place
    private let gate: Int32

    init(_ kind: Kind, concurrentStarts: Int) throws {
        let port = try FreePort.next()
        system = try MailSystem([], main: ["master_concurrent_starts": String(concurrentStarts)])
        let path = system.directory + "/gate"
        guard mkfifo(path, 0o600) == 0, chmod(path, 0o666) == 0 else { throw TestSupportError(errnoText()) }
        gate = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        switch kind {
        case .inet:
            place = .port(port)
            try system.setServices([Line.inet(port, "gated gate=\(path)", maxproc: 20)])
        case .unix:
            place = .path(system.queueDirectory + "/public/gated")
            try system.setServices([Line.unix("gated", "gated gate=\(path)", maxproc: 20)])
        }
        try system.start()
    }

    deinit {
        close(gate)
        system.end()
    }

    /// Lets so many children come up, of those that are there or will be.
    func open(_ count: Int) {
        let bytes = [UInt8](repeating: 0, count: count)
        #expect(write(gate, bytes, count) == count)
    }

    /// Waits until there are so many children, and nothing more happens.
    func has(_ children: Int) throws -> Bool {
        let areThere = eventually { system.processes().count >= children }
        try system.settle()
        return areThere && system.processes().count == children
    }

    /// Waits until so many children have a client. The socket they listen on has the number before; while a child
    /// waits at the gate, there is a FIFO under this one.
    func serves(_ clients: Int) -> Bool {
        eventually {
            let links = system.processes().map { "/proc/\($0.pid)/fd/7" }
            let targets = links.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: $0) }
            return targets.count { $0.hasPrefix("socket:") } == clients
        }
    }
}

@Suite("More clients than children", .timeLimit(.minutes(60))) struct QueueTests {
    @Test(
        "several children start at once, one more for each that has taken a client",
        arguments: GatedService.Kind.visible
    )
    private func several(_ kind: GatedService.Kind) throws {
        let service = try GatedService(kind, concurrentStarts: 3)
        let callers = try (0..<12).map { _ in try Caller(service.place) }
        #expect(try service.has(1), "the first one alone: it is not known yet what a child does")
        service.open(1)
        #expect(try service.has(1 + 2), "one with a client, two on their way: \(service.system.log)")
        service.open(1)
        #expect(try service.has(2 + 3), "three on their way: \(service.system.log)")
        service.open(1)
        #expect(try service.has(3 + 3), "and no more than that: \(service.system.log)")
        service.open(17)
        #expect(try service.has(12), "one for each client: \(service.system.log)")
        #expect(service.serves(12), "\(service.system.log)")
        for caller in callers { #expect(caller.send("x\n")) }
        #expect(Set(callers.compactMap { $0.readAll() }).count == 12, "each got an answer, from a child of its own")
    }

    @Test("with master_concurrent_starts = 1 they start one after the other", arguments: GatedService.Kind.allCases)
    private func oneByOne(_ kind: GatedService.Kind) throws {
        let service = try GatedService(kind, concurrentStarts: 1)
        let callers = try (0..<4).map { _ in try Caller(service.place) }
        for number in 1...4 {
            #expect(try service.has(number))
            service.open(1)
            #expect(service.serves(number))
        }
        for caller in callers { #expect(caller.send("x\n")) }
        #expect(Set(callers.compactMap { $0.readAll() }).count == 4)
    }
}
