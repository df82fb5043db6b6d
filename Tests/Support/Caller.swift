//===----------------------------------------------------------------------===//
// Quartermaster: clients of services under test, one socket at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Where a service is reached.
package enum Place: Sendable {
    case port(UInt16)
    /// On the IPv6 loopback address.
    case port6(UInt16)
    case path(String)
}

/// One connection. Reads and writes wait, but never longer than the limit it was made with.
package final class Caller {
    private let descriptor: Int32

    package init(_ place: Place, limit: Duration = patience) throws {
        switch place {
        case .port: descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        case .port6: descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        case .path: descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        var limit = timeval(tv_sec: Int(limit.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard place.connect(descriptor) == 0 else {
            let reason = errnoText()
            throw TestSupportError("connect \(place): \(reason)")
        }
    }

    deinit { close(descriptor) }

    /// Whether nobody listens at a place. Anything else in the way, as a shortage of descriptors here, is no refusal.
    package static func isRefused(_ place: Place) -> Bool {
        do {
            _ = try Caller(place)
            return false
        } catch let error {
            return [ECONNREFUSED, ENOENT].contains { "\(error)".hasSuffix(String(cString: strerror($0))) }
        }
    }

    package func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return uninterrupted { Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } == bytes.count
    }

    /// Everything up to the end of the connection; nil when it did not come in time, or was cut off by a reset.
    package func readAll() -> String? { read { _ in false } }

    /// Everything up to the end of the next line; nil when it did not come in time.
    package func readLine() -> String? {
        // A byte at a time: what follows the line is for the next call.
        read(atMost: 1) { $0 == UInt8(ascii: "\n") }
    }

    /// What comes first, as much of it as comes together; nil when nothing comes in time.
    package func readSome() -> String? { read { _ in true } }

    /// Says that this was all, and waits until the other side has closed, too.
    package func finish() -> Bool {
        shutdown(descriptor, Int32(SHUT_WR))
        return readAll() != nil
    }

    private func read(atMost most: Int = 4096, until isEnough: (UInt8) -> Bool) -> String? {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: most)
        while true {
            let count = uninterrupted { recv(descriptor, &piece, piece.count, 0) }
            if count < 0 { return nil }
            text += piece[..<count]
            if count == 0 || isEnough(piece[count - 1]) { return String(decoding: text, as: UTF8.self) }
        }
    }

    /// Whether something has come already.
    package func peek() -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// Whether the other side has closed, however much of what it said is still to be read.
    package var isHungUp: Bool {
        var record = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&record, 1, 0) == 1 && Int32(record.revents) & POLLHUP != 0
    }

    /// Says a line and returns the answer.
    package static func ask(_ place: Place, _ line: String = "hello") -> String? {
        guard let caller = try? Caller(place), caller.send(line + "\n") else { return nil }
        return caller.readAll()
    }

    /// The pid of the process that answered.
    package static func pid(_ place: Place) -> Int32? {
        ask(place)?.split(separator: " ").first.flatMap { Int32($0) }
    }
}

/// A call that is made again when a signal, or a debugger, has interrupted it: with a time limit on the socket, the
/// kernel does not do that itself.
package func uninterrupted(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

extension Place {
    func connect(_ descriptor: Int32) -> Int32 { withAddress { Glibc.connect(descriptor, $0, $1) } }

    func bind(_ descriptor: Int32) -> Int32 { withAddress { Glibc.bind(descriptor, $0, $1) } }

    private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        func lend<Address>(_ address: Address) -> Int32 {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
        switch self {
        case .port(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return lend(address)
        case .port6(let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6addr_loopback
            return lend(address)
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return lend(address)
        }
    }
}
