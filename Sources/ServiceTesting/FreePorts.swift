//===----------------------------------------------------------------------===//
// Quartermaster: TCP ports for services that a test is going to start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Synchronization
import SystemCalls

/// Ports on which nobody listened a moment ago, each given out once: until `master` listens there, and while it does
/// not for a moment, no other test takes it, of this program or of one that runs beside it. They lie below those that
/// the kernel gives to outgoing connections.
package enum FreePorts {
    private static let blocks = Mutex(Blocks())

    package static func next() throws -> UInt16 {
        while let port = blocks.withLock({ $0.next() }) { if isFree(port) { return port } }
        throw ServiceTestError("no free port")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        do {
            let socket = try makeSocket(.ipv4, .stream)
            try socket.number.bind(to: SocketAddress(ipv4: [0, 0, 0, 0], port: port))
            try socket.close()
            return true
        } catch {
            return false
        }
    }

    /// A program has whole blocks of ports. Whoever has bound the socket that is named after a block has the block; the
    /// kernel gives the name back when the program ends, however it does. `FreePort` of Quartermaster's own tests does
    /// the same with the same names.
    private struct Blocks {
        private static let range: Range<UInt16> = 10_000..<32_000
        private static let size: UInt16 = 100

        private var left: Range<UInt16> = 0..<0

        mutating func next() -> UInt16? {
            if left.isEmpty {
                let starts = stride(from: Self.range.lowerBound, to: Self.range.upperBound, by: Int(Self.size))
                guard let start = starts.shuffled().first(where: Self.claim) else { return nil }
                left = start..<start + Self.size
            }
            return left.removeFirst()
        }

        private static func claim(_ start: UInt16) -> Bool {
            guard let name = SocketAddress(abstractName: "quartermaster-test-ports-\(start)"),
                let mark = try? makeSocket(.unix, .datagram), (try? mark.number.bind(to: name)) != nil
            else {
                return false
            }
            // It stays open to the end of the program.
            _ = mark.release()
            return true
        }
    }
}
