//===----------------------------------------------------------------------===//
// Quartermaster: the other side of a server's endpoints
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport

/// A client of a server under test. Every wait is bounded.
final class TestPeer {
    let socket: Descriptor

    init(to address: SocketAddress, _ kind: SocketKind) throws {
        socket = try makeSocket(address.family, kind)
        try socket.number.connect(to: address)
    }

    init(_ socket: consuming Descriptor) { self.socket = socket }

    func send(_ text: String) throws { _ = try socket.number.send(Array(text.utf8), waiting: true) }

    /// What comes until `count` bytes are there, the peer hangs up, or nothing more comes.
    func receive(_ count: Int, within milliseconds: Int32 = patience.milliseconds) throws -> String {
        var bytes: [UInt8] = []
        while bytes.count < count, try socket.number.waitForInput(milliseconds: milliseconds) {
            guard let block = try socket.number.read(atMost: min(count - bytes.count, 65536)), !block.isEmpty else {
                break
            }
            bytes += block
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func exchange(_ text: String, _ count: Int) throws -> String {
        try send(text)
        return try receive(count)
    }

    /// Whether the server hangs up, after whatever it still sends.
    func isDisconnected(within milliseconds: Int32 = patience.milliseconds) -> Bool {
        while (try? socket.number.waitForInput(milliseconds: milliseconds)) == true {
            guard let block = try? socket.number.read(atMost: 65536) else { return true }
            if block.isEmpty { return true }
        }
        return false
    }
}

/// Receives log lines the way postlogd does, on a thread of its own.
final class LogCollector: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []
    private var isDone = false
    private let socket: Descriptor

    init(path: String) throws {
        guard let address = SocketAddress(unixPath: path) else { throw TestSupportError("path too long") }
        socket = try makeSocket(.unix, .datagram)
        try socket.number.bind(to: address)
        try socket.number.setNonBlocking(true)
        let number = socket.number
        Thread.detachNewThread { [weak self] in
            while true {
                let ready = (try? number.waitForInput(milliseconds: 50)) ?? false
                guard let self, !self.isDone else { return }
                if ready { self.lock.withLock { self.receive() } }
            }
        }
    }

    /// What was sent up to now, whether or not the thread has come to it.
    private func receive() {
        while let bytes = try? socket.number.read(atMost: 4096), !bytes.isEmpty {
            lines.append(String(decoding: bytes, as: UTF8.self))
        }
    }

    var text: String {
        lock.withLock {
            receive()
            return lines.joined(separator: "\n")
        }
    }

    /// Whether a line that contains `text` comes.
    func contains(_ text: String, within limit: Duration = patience) -> Bool {
        eventually(within: limit) { self.text.contains(text) }
    }

    func count(_ text: String) -> Int {
        lock.withLock {
            receive()
            return lines.count { $0.contains(text) }
        }
    }
}
