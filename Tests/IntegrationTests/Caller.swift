//===----------------------------------------------------------------------===//
// Quartermaster: clients of services under test, one socket at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// Where a service is reached.
enum Place: Sendable {
    case port(UInt16)
    case path(String)
}

/// One connection. Reads and writes wait, but never longer than the limit it was made with.
final class Caller {
    let descriptor: Int32

    init(_ place: Place, limit seconds: Int = 10) throws {
        switch place {
        case .port: descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        case .path: descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard place.connect(descriptor) == 0 else {
            let reason = errnoText()
            throw TestSupportError("connect \(place): \(reason)")
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Everything up to the end of the connection; nil when it did not come in time, or was cut off by a reset.
    func readAll() -> String? {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count == 0 { return String(decoding: text, as: UTF8.self) }
            if count < 0 { return nil }
            text += piece[..<count]
        }
    }

    /// What is there already.
    func peek() -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// Says a line and returns the answer.
    static func ask(_ place: Place, _ line: String = "hello", limit: Int = 10) -> String? {
        guard let caller = try? Caller(place, limit: limit), caller.send(line + "\n") else { return nil }
        return caller.readAll()
    }

    /// The pid of the process that answered.
    static func pid(_ place: Place, limit: Int = 10) -> Int32? {
        ask(place, limit: limit)?.split(separator: " ").first.flatMap { Int32($0) }
    }
}

extension Place {
    fileprivate func connect(_ descriptor: Int32) -> Int32 {
        switch self {
        case .port(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}

/// A listener that is not ours: it holds a port and never shares it.
final class ForeignListener {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        port = try FreePort.next()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(descriptor, 1) == 0 else { throw TestSupportError("bind: \(errnoText())") }
    }

    deinit { close(descriptor) }
}

/// Clients that come one after the other, several at a time, until they are told to stop. Every connection is
/// accounted for: answered, or lost for a reason.
final class SteadyClients: @unchecked Sendable {
    private let lock = NSLock()
    private var isOver = false
    private var running = 0
    private(set) var opened = 0
    private(set) var answered = 0
    private(set) var losses: [String: Int] = [:]

    init(_ places: [Place], each: Int = 2) {
        for place in places {
            for number in 0..<each {
                lock.withLock { running += 1 }
                Thread.detachNewThread { self.work(place, number) }
            }
        }
    }

    /// Lets everybody finish the connection at hand, and counts.
    func finish() -> (opened: Int, answered: Int, losses: [String: Int]) {
        lock.withLock { isOver = true }
        _ = eventually(within: .seconds(15)) { lock.withLock { running == 0 } }
        return lock.withLock { (opened, answered, losses) }
    }

    var answers: Int { lock.withLock { answered } }

    private func work(_ place: Place, _ number: Int) {
        var turn = 0
        while lock.withLock({ !isOver }) {
            turn += 1
            let line = "client \(number) turn \(turn)"
            lock.withLock { opened += 1 }
            let answer = Caller.ask(place, line)
            let isRight = answer?.hasSuffix(" \(line)\n") == true
            lock.withLock {
                if isRight { answered += 1 } else { losses["\(place): \(answer ?? "none")", default: 0] += 1 }
            }
            usleep(500)
        }
        lock.withLock { running -= 1 }
    }
}
