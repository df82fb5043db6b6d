//===----------------------------------------------------------------------===//
// Quartermaster: a server of plain blocking sockets for the load to run into
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import SystemCalls

/// Listens on a UNIX path or a loopback port and hands every client to `serve`, in a thread of its own for each.
final class SmallServer: Sendable {
    let path: String
    let port: UInt16
    private let listener: Int32
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - overTCP, overIPv6: on a free port of 127.0.0.1 or ::1 instead of a path.
    ///   - pause: microseconds that clients stay in the queue.
    init(
        overTCP: Bool = false,
        overIPv6: Bool = false,
        backlog: Int32 = 512,
        pause: UInt32 = 0,
        serve: @escaping @Sendable (Int32) -> Void
    ) {
        path = overTCP || overIPv6 ? "" : "/tmp/bench-accept-test.\(UUID().uuidString)"
        listener = closeOnExecSocket(overTCP ? AF_INET : overIPv6 ? AF_INET6 : AF_UNIX, SOCK_STREAM)
        if overTCP {
            port = bindLoopback(listener)
        } else if overIPv6 {
            port = bindLoopback6(listener)
        } else {
            bindPath(listener, path)
            port = 0
        }
        precondition(listen(listener, backlog) == 0)
        let (listener, ended) = (listener, ended)
        Thread.detachNewThread {
            while true {
                if pause > 0 { usleep(pause) }
                guard let accepted = try? DescriptorNumber(listener).accept(blocking: true) else { break }
                guard case .client(let descriptor) = accepted else { continue }
                let client = descriptor.release().rawValue
                Thread.detachNewThread {
                    serve(client)
                    close(client)
                }
            }
            ended.signal()
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        ended.wait()
        close(listener)
        unlink(path)
    }
}

/// A datagram socket that, once told to, counts what arrives.
final class SmallReceiver: @unchecked Sendable {
    let path: String
    let port: UInt16
    private let descriptor: Int32
    private let senderIsDone = DispatchSemaphore(value: 0)
    private let isDone = DispatchSemaphore(value: 0)
    /// Written before `isDone` is signalled, read after.
    private var counted = (datagrams: 0, bytes: 0)

    /// - Parameter overUDP: on a free loopback port instead of a path.
    init(overUDP: Bool = false) {
        path = overUDP ? "" : "/tmp/bench-accept-test.\(UUID().uuidString)"
        descriptor = closeOnExecSocket(overUDP ? AF_INET : AF_UNIX, SOCK_DGRAM)
        if overUDP {
            port = bindLoopback(descriptor)
        } else {
            bindPath(descriptor, path)
            port = 0
        }
        var limit = timeval(tv_sec: 0, tv_usec: 10_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Receives in a thread of its own.
    func startDraining() {
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            var hasMore = true
            while hasMore {
                // What was sent before is in the queue by now: the first empty look after that is the end.
                if senderIsDone.wait(timeout: .now()) == .success { hasMore = false }
                while true {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    if count < 0, errno == EINTR { continue }
                    if count < 0 { break }
                    counted.datagrams += 1
                    counted.bytes += count
                }
            }
            isDone.signal()
        }
    }

    /// What arrived in all, once nothing more is sent.
    var drained: (datagrams: Int, bytes: Int) {
        senderIsDone.signal()
        isDone.wait()
        return counted
    }
}

/// No child that another test starts keeps it: a connection would then not end with our end of it.
func closeOnExecSocket(_ domain: Int32, _ type: __socket_type) -> Int32 {
    socket(domain, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
}

func bindPath(_ descriptor: Int32, _ path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    precondition(result == 0)
}

/// Binds to a free port of 127.0.0.1 and returns it.
func bindLoopback(_ descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size) | getsockname(descriptor, $0, &size)
        }
    }
    precondition(result == 0)
    return UInt16(bigEndian: address.sin_port)
}

/// The same for ::1.
private func bindLoopback6(_ descriptor: Int32) -> UInt16 {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_addr = in6addr_loopback
    var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, size) | getsockname(descriptor, $0, &size)
        }
    }
    precondition(result == 0)
    return UInt16(bigEndian: address.sin6_port)
}

/// Writes all of `text`, whether or not it is read.
func say(_ client: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
        let count = bytes.withUnsafeBytes {
            send(client, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        if count < 0 { return }
        sent += count
    }
}

/// What one read brings; nil at the end.
func hear(_ client: Int32) -> String? {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(client, &buffer, buffer.count, 0)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
}

/// Repeats what it hears until the client has had enough.
@Sendable func echo(_ client: Int32) {
    while let text = hear(client) { say(client, text) }
}
