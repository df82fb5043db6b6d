//===----------------------------------------------------------------------===//
// Quartermaster: what an exchange costs the generator
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// Allocations of a release build, whose directory is in `QM_RELEASE_PRODUCTS`.
@Suite(
    "the generator's allocations",
    .serialized,
    .enabled(
        if: ProcessInfo.processInfo.environment["QM_RELEASE_PRODUCTS"] != nil,
        "SKIPPED: QM_RELEASE_PRODUCTS names no release build (scripts/test does)"
    )
)
struct AllocationTests {
    private let directory: TemporaryDirectory
    private let library: String
    private let program: String

    init() throws {
        directory = try TemporaryDirectory()
        library = directory.file("malloc_count.so")
        program = (ProcessInfo.processInfo.environment["QM_RELEASE_PRODUCTS"] ?? "") + "/bench-accept"
        let source = (#filePath as NSString).deletingLastPathComponent + "/../Support/malloc-count/malloc_count.c"
        let built = try run(["/usr/bin/env", "clang", "-shared", "-fPIC", "-O2", "-o", library, source])
        guard built.succeeded else { throw TestSupportError("cannot build the counter: \(built)") }
    }

    /// Allocations of one whole call.
    private func allocations(_ arguments: [String], count: Int) throws -> Int {
        let counter = directory.file("count.\(UUID().uuidString)")
        var environment = ProcessInfo.processInfo.environment
        environment["LD_PRELOAD"] = library
        environment["MALLOC_COUNT_FILE"] = counter
        let result = try run([program] + arguments + ["--count", String(count)], environment: environment)
        guard result.succeeded else { throw TestSupportError("\(arguments): \(result)") }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: counter)))
        let number = Int(bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        guard number > 100 else { throw TestSupportError("the counter does not count: \(number)") }
        return number
    }

    /// Reports differ by a few allocations with what was measured; exchanges are thousands.
    private func expectNone(_ arguments: [String]) throws {
        let few = try allocations(arguments, count: 2_000)
        let many = try allocations(arguments, count: 22_000)
        #expect(many - few < 2_000, "\(few) allocations for 2,000 exchanges, \(many) for 22,000")
    }

    @Test("no allocation for a connection or a request", arguments: ["storm", "kept"], ["unix", "tcp"])
    func exchanges(shape: String, kind: String) throws {
        let place = kind == "unix" ? directory.file("s") : "127.0.0.1:\(try FreePort.next())"
        let server = try Served("--" + kind, place)
        try expectNone([shape, "--" + kind, place, "--preset", "echo"])
        withExtendedLifetime(server) {}
    }

    @Test("no allocation for an exchange of an open loop")
    func openLoop() throws {
        let server = try Served("--unix", directory.file("s"))
        try expectNone(["kept", "--unix", directory.file("s"), "--preset", "echo", "--rate", "20000"])
        withExtendedLifetime(server) {}
    }

    @Test(
        "no allocation for a response of HTTP",
        arguments: [
            "Content-Length: 3\\r\\n\\r\\nabc", "Transfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n",
        ]
    )
    func http(rest: String) throws {
        let server = try Served("--unix", directory.file("s"), "--reply", "HTTP/1.1 200 OK\\r\\n" + rest)
        try expectNone(["kept", "--unix", directory.file("s"), "--preset", "http"])
        withExtendedLifetime(server) {}
    }

    @Test(
        "no allocation for a datagram that is answered",
        arguments: ["unix", "udp"],
        [["1"], ["8", "--rate", "20000"]]
    )
    func roundTrips(kind: String, outstanding: [String]) throws {
        let place = kind == "unix" ? directory.file("s") : "127.0.0.1:\(try FreePort.next())"
        let server = try Served(kind == "unix" ? "--unix-datagrams" : "--udp", place)
        try expectNone(["datagrams", "--" + kind, place, "--preset", "echo", "--outstanding"] + outstanding)
        withExtendedLifetime(server) {}
    }

    @Test("no allocation for a datagram")
    func datagrams() throws {
        let server = try Served("--unix-datagrams", directory.file("s"))
        try expectNone(["datagrams", "--unix", directory.file("s"), "--preset", "postlog"])
        withExtendedLifetime(server) {}
    }
}
