//===----------------------------------------------------------------------===//
// Quartermaster: async services that accept, parse and retire in their own way
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import Glibc
import ServerSkeleton

/// Takes one client at a time, in place, and counts beside it.
final class DrivingService: AsyncService {
    private let log: ServiceLog
    private var ticks = 0

    init(_ context: inout ServiceContext) { log = context.log }

    func run(_ connections: AsyncConnections) async throws {
        let ticking = Task { @LoopActor in
            while true {
                try await sleep(for: .milliseconds(5))
                ticks += 1
            }
        }
        for await connection in connections {
            do {
                try await serve(connection)
            } catch {
                log.info("served in place: \(error)")
            }
            connection.close()
        }
        ticking.cancel()
        log.info("no more clients: \(await ticking.result)")
    }

    func serve(_ connection: AsyncConnection) async throws {
        guard let line = try await connection.line() else { return }
        while ticks < 3 { try await sleep(for: .milliseconds(5)) }
        try await connection.write("\(line) after some ticks\n")
    }
}

/// A length in two bytes, then so many.
struct FrameService: AsyncService {
    static let maximumRequestSize = 1000

    init(_ context: inout ServiceContext) {}

    func serve(_ connection: AsyncConnection) async throws {
        while let frame = try await connection.next(Self.frame) { try await connection.write("\(frame.count)\n") }
    }

    private static func frame(_ input: RawSpan) -> (value: [UInt8], size: Int)? {
        guard input.byteCount >= 2 else { return nil }
        let size = 2 + Int(input.byte(at: 0)) << 8 + Int(input.byte(at: 1))
        guard input.byteCount >= size else { return nil }
        return ((2..<size).map { input.byte(at: $0) }, size)
    }
}

/// Wants to be replaced as soon as there is work.
struct RetiringService: AsyncService {
    init(_ context: inout ServiceContext) {}

    func willAccept() -> AcceptDecision { .retire("table has changed -- restarting") }

    func serve(_ connection: AsyncConnection) async throws {}
}
