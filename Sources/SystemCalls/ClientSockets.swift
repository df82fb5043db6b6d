//===----------------------------------------------------------------------===//
// Quartermaster: what a client of many connections needs besides Sockets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc
import SystemPackage

/// socket(2), close-on-exec and non-blocking from birth: one call where `makeSocket` and fcntl(2) take three.
package func makeNonBlockingSocket(
    _ family: SocketAddress.Family,
    _ kind: SocketKind
) throws(SystemError) -> Descriptor {
    let domain = family == .unix ? AF_UNIX : family == .ipv4 ? AF_INET : AF_INET6
    let type = CInt((kind == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    return Descriptor(owning: DescriptorNumber(try calling(.socket) { cposix_socket(domain, type) }))
}

extension DescriptorNumber {
    /// bind(2) to a source address whose port is chosen at connect time (ip(7), IP_BIND_ADDRESS_NO_PORT): the same port
    /// can then serve for many source and destination pairs.
    package func bindSource(_ address: SocketAddress) throws(SystemError) {
        _ = try calling(.setsockopt) { cposix_set_option(rawValue, CInt(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1) }
        try bind(to: address)
    }

    /// recv(2) with MSG_DONTWAIT of at most `count` bytes into an array that exists already, from `offset` on.
    @inline(__always)
    package func receive(into buffer: inout [UInt8], at offset: Int, atMost count: Int) throws(SystemError) -> Transfer
    {
        precondition(offset >= 0 && count > 0 && count <= buffer.count - offset)
        let number = rawValue
        return try transferring(.recv, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_receive(number, bytes.baseAddress! + offset, count, Int32(MSG_DONTWAIT)))
            }
        }
    }

    /// send(2) with MSG_NOSIGNAL and MSG_DONTWAIT of a part of an array.
    @inline(__always)
    package func send(_ bytes: [UInt8], at offset: Int, count: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && count > 0 && count <= bytes.count - offset)
        let number = rawValue
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return try transferring(.send, zeroIsEnd: false) {
            unsafe bytes.withUnsafeBytes { unsafe Int(cposix_send(number, $0.baseAddress! + offset, count, flags)) }
        }
    }

    /// recvfrom(2) with MSG_DONTWAIT, and if wanted sendto(2) of the same datagram to whoever sent it. A datagram that
    /// cannot be sent back is lost, as datagrams are.
    package func receiveAndReturn(into buffer: inout [UInt8], returning: Bool) throws(SystemError) -> Transfer {
        let number = rawValue
        return try transferring(.recv, zeroIsEnd: false) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_receive_and_return(number, bytes.baseAddress!, bytes.count, returning ? 1 : 0))
            }
        }
    }

    /// write(2) of a part of an array, for what is no socket.
    package func write(_ bytes: [UInt8], at offset: Int, count: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && count > 0 && count <= bytes.count - offset)
        let number = rawValue
        return try transferring(.write, zeroIsEnd: false) {
            unsafe bytes.withUnsafeBytes { unsafe Int(cposix_write(number, $0.baseAddress! + offset, count)) }
        }
    }

    /// Whether a connect(2) that was under way has come to its end: send(2) of nothing works on a connection only
    /// (EAGAIN before). Throws what became of a connect that failed.
    package func isConnected() throws(SystemError) -> Bool {
        let number = rawValue
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        var nothing: UInt8 = 0
        return try transferring(.connect, zeroIsEnd: false) { unsafe Int(cposix_send(number, &nothing, 0, flags)) }
            != .wouldBlock
    }

    /// setsockopt(2) SO_LINGER with no time: close(2) resets a TCP connection instead of finishing it.
    package func resetsOnClose() throws(SystemError) {
        _ = try calling(.setsockopt) { cposix_reset_on_close(rawValue) }
    }
}

/// What one thread has spent.
package struct ProcessorTime: Equatable, Sendable {
    package let userNanoseconds: Int64
    package let systemNanoseconds: Int64

    package init(userNanoseconds: Int64, systemNanoseconds: Int64) {
        self.userNanoseconds = userNanoseconds
        self.systemNanoseconds = systemNanoseconds
    }

    /// getrusage(2) RUSAGE_THREAD of the calling thread.
    package static func ofThisThread() -> ProcessorTime {
        var user: Int64 = 0
        var system: Int64 = 0
        unsafe cposix_thread_time(&user, &system)
        return ProcessorTime(userNanoseconds: user, systemNanoseconds: system)
    }
}

/// timerfd_create(2): readable from a chosen moment on, which may be finer than the milliseconds of epoll_wait(2).
package func makeAlarm() throws(SystemError) -> Descriptor {
    Descriptor(owning: DescriptorNumber(try calling(.setitimer) { cposix_alarm() }))
}

extension DescriptorNumber {
    /// timerfd_settime(2): readable from `moment` of the monotonic clock on, and not before; 0: never.
    package func setAlarm(at moment: Int64) throws(SystemError) {
        _ = try calling(.setitimer) { cposix_set_alarm(rawValue, moment) }
    }
}
