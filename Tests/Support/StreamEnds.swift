//===----------------------------------------------------------------------===//
// Quartermaster: both ends of connections that something in between passes on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Dispatch
import Foundation
import SystemCalls

/// One end of a connection, for bytes and for how it ends. Every wait is bounded.
package final class StreamEnd: @unchecked Sendable {
    package let descriptor: Int32
    private var isOpen = true

    fileprivate init(_ descriptor: Int32, limit: Duration = patience) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: Int(limit.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// - Parameter source: the last number of the loopback address that an IPv4 client comes from.
    package init(_ place: Place, source: UInt8 = 1) throws {
        let family =
            switch place {
            case .port: AF_INET
            case .port6: AF_INET6
            case .path: AF_UNIX
            }
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: Int(patience.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        if case .port = place {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = (0x7f00_0000 | UInt32(source)).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw TestSupportError("bind: \(errnoText())") }
        }
        guard place.connect(descriptor) == 0 else {
            let reason = errnoText()
            close()
            throw TestSupportError("connect \(place): \(reason)")
        }
    }

    deinit { close() }

    package func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Closes with a reset, where the socket is of TCP.
    package func reset() {
        var none = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &none, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Ends our direction.
    package func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// All of it; false when that fails or takes too long.
    @discardableResult package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { block in
                uninterrupted {
                    Glibc.send(descriptor, block.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    @discardableResult package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// How a connection goes on.
    package enum Reading: Equatable, Sendable {
        case bytes([UInt8])
        case ended
        case reset
        /// Nothing came in time, or another error.
        case nothing
    }

    package func read(atMost most: Int = 65_536) -> Reading {
        var bytes = [UInt8](repeating: 0, count: most)
        let count = uninterrupted { recv(descriptor, &bytes, most, 0) }
        if count > 0 { return .bytes(Array(bytes[..<count])) }
        if count == 0 { return .ended }
        return errno == ECONNRESET || errno == EPIPE ? .reset : .nothing
    }

    /// So many bytes, as text; nil when they do not come.
    package func read(exactly count: Int) -> String? {
        var found: [UInt8] = []
        while found.count < count {
            guard case .bytes(let bytes) = read(atMost: count - found.count) else { return nil }
            found += bytes
        }
        return String(decoding: found, as: UTF8.self)
    }

    /// Everything up to the end, and how that was.
    package func readAll() -> (bytes: [UInt8], end: Reading) {
        var found: [UInt8] = []
        while true {
            switch read() {
            case .bytes(let bytes): found += bytes
            case let end: return (found, end)
            }
        }
    }

    /// Whether this text, and nothing else, is what comes up to an end of file.
    package func reads(_ text: String) -> Bool {
        let (bytes, end) = readAll()
        return bytes == Array(text.utf8) && end == .ended
    }

    /// Passes this end on over `sender`, with one NUL byte, as a `pass` service expects it.
    package func pass(over sender: StreamEnd) throws {
        try DescriptorNumber(sender.descriptor).pass(DescriptorNumber(descriptor))
    }
}

/// A server's listening socket.
package final class StreamServerEnd: @unchecked Sendable {
    private let descriptor: Int32
    package let place: Place

    package init(_ place: Place, backlog: Int32 = 128) throws {
        self.place = place
        let family =
            switch place {
            case .port: AF_INET
            case .port6: AF_INET6
            case .path: AF_UNIX
            }
        descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard place.bind(descriptor) == 0, listen(descriptor, backlog) == 0 else {
            let reason = errnoText()
            close(descriptor)
            throw TestSupportError("listen at \(place): \(reason)")
        }
        // Whoever runs the relay.
        if case .path(let path) = place { chmod(path, 0o777) }
    }

    deinit { close(descriptor) }

    /// The next connection; nil when none comes in time.
    package func accept(within limit: Duration = patience) -> StreamEnd? {
        var record = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard uninterrupted({ Int(poll(&record, 1, limit.milliseconds)) }) == 1 else { return nil }
        let client = uninterrupted { Int(Glibc.accept(descriptor, nil, nil)) }
        return client < 0 ? nil : StreamEnd(Int32(client))
    }
}

/// What went through one direction of a connection: how many bytes, and a sum that depends on their order.
package struct StreamSum: Equatable, Sendable, CustomStringConvertible {
    package private(set) var count = 0
    private var hash: UInt64 = 14_695_981_039_346_656_037

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        count += bytes.count
        bytes.withUnsafeBytes { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 } }
    }

    package var description: String { "\(count) bytes, \(String(hash, radix: 16))" }
}

/// Sends bytes that look random, on a thread of its own, until it is told to stop; then it ends its direction.
package final class StreamPump: @unchecked Sendable {
    private let end: StreamEnd
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    private var isToStop = false
    private var sum = StreamSum()

    package init(_ end: StreamEnd, seed: UInt64, piece: Int = 20_000) {
        self.end = end
        Thread.detachNewThread { [self] in
            var state = seed | 1
            while !lock.withLock({ isToStop }) {
                let bytes = (0..<piece).map { _ -> UInt8 in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 33)
                }
                guard end.send(bytes) else { break }
                lock.withLock { sum.add(bytes) }
            }
            end.finish()
            done.signal()
        }
    }

    package var sent: Int { lock.withLock { sum.count } }

    /// What was sent in all; nil when it does not come to an end.
    ///
    /// - Parameter whenItFails: it ends when nothing can be sent any more, and not now.
    package func stop(whenItFails: Bool = false) -> StreamSum? {
        lock.withLock { isToStop = !whenItFails }
        guard done.wait(timeout: .now() + .seconds(Int(patience.components.seconds) * 2)) == .success else {
            return nil
        }
        return lock.withLock { sum }
    }
}

/// Receives, on a thread of its own, until the end of the other direction.
package final class StreamSink: @unchecked Sendable {
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    private var sum = StreamSum()
    private var end = StreamEnd.Reading.nothing

    package init(_ end: StreamEnd) {
        Thread.detachNewThread { [self] in
            reading: while true {
                switch end.read() {
                case .bytes(let bytes): lock.withLock { sum.add(bytes) }
                case let last:
                    lock.withLock { self.end = last }
                    break reading
                }
            }
            done.signal()
        }
    }

    package var received: Int { lock.withLock { sum.count } }

    /// What was received up to the end of file; nil when there was another end, or none.
    package func finish() -> StreamSum? {
        guard done.wait(timeout: .now() + .seconds(Int(patience.components.seconds) * 2)) == .success else {
            return nil
        }
        return lock.withLock { end == .ended ? sum : nil }
    }
}

/// Bytes in both directions of one connection at the same time, and the ledger of them.
package struct StreamTraffic {
    private let up: (StreamPump, StreamSink)
    private let down: (StreamPump, StreamSink)

    package init(client: StreamEnd, server: StreamEnd, seed: UInt64 = 1) {
        up = (StreamPump(client, seed: seed), StreamSink(server))
        down = (StreamPump(server, seed: seed + 7), StreamSink(client))
    }

    /// Whether so many more bytes arrive, in both directions.
    package func flows(_ count: Int = 200_000) -> Bool {
        let before = (up.1.received, down.1.received)
        return eventually { up.1.received >= before.0 + count && down.1.received >= before.1 + count }
    }

    /// Stops both directions; whether everything that was sent has come, and nothing else.
    package func isWhole() -> Bool {
        let sent = (up.0.stop(), down.0.stop())
        let received = (up.1.finish(), down.1.finish())
        return sent.0 != nil && sent.0 == received.0 && sent.1 != nil && sent.1 == received.1
    }
}
