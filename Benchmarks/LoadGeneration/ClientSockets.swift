//===----------------------------------------------------------------------===//
// Quartermaster: what a load generator asks of the kernel, and no daemon does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CLoad
package import SystemCalls

// `unsafe` stands here because C takes addresses; each is that of an array for the time of one call.

/// socket(2), close-on-exec and non-blocking from birth: one call where `makeSocket` and fcntl(2) take three.
func makeNonBlockingSocket(
    _ family: SocketAddress.Family,
    _ kind: SocketKind
) throws(SystemError) -> Descriptor {
    let domain = family == .unix ? CLOAD_UNIX : family == .ipv4 ? CLOAD_IPV4 : CLOAD_IPV6
    let number = try value(.socket, Int(cload_socket(domain, kind == .stream ? 1 : 0)))
    return Descriptor(owning: DescriptorNumber(CInt(number)))
}

extension DescriptorNumber {
    /// bind(2) to a source address whose port is chosen at connect time (ip(7), IP_BIND_ADDRESS_NO_PORT): the same port
    /// can then serve for many source and destination pairs.
    func bindSource(_ address: SocketAddress) throws(SystemError) {
        _ = try value(.setsockopt, Int(cload_choose_port_late(rawValue)))
        try bind(to: address)
    }

    /// bind(2) of a UNIX socket to a name that the kernel chooses (unix(7), autobind), for replies to come to.
    func takeAnyName() throws(SystemError) { _ = try value(.bind, Int(cload_take_any_name(rawValue))) }

    /// recv(2) with MSG_DONTWAIT of at most `count` bytes into an array that exists already, from `offset` on.
    @inline(__always)
    func receive(into buffer: inout [UInt8], at offset: Int, atMost count: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && count > 0 && count <= buffer.count - offset)
        let result = unsafe buffer.withUnsafeMutableBytes {
            unsafe cload_receive(rawValue, $0.baseAddress! + offset, count)
        }
        return try transfer(.recv, result, zeroIsEnd: true)
    }

    /// send(2) with MSG_NOSIGNAL and MSG_DONTWAIT of a part of an array.
    @inline(__always)
    func send(_ bytes: [UInt8], at offset: Int, count: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && count > 0 && count <= bytes.count - offset)
        let result = unsafe bytes.withUnsafeBytes { unsafe cload_send(rawValue, $0.baseAddress! + offset, count) }
        return try transfer(.send, result, zeroIsEnd: false)
    }

    /// recvfrom(2) with MSG_DONTWAIT, and if wanted sendto(2) of the same datagram to its sender. A datagram that
    /// cannot be sent back is lost, as datagrams are.
    func receiveAndReturn(into buffer: inout [UInt8], returning: Bool) throws(SystemError) -> Transfer {
        let result = unsafe buffer.withUnsafeMutableBytes {
            unsafe cload_receive_and_return(rawValue, $0.baseAddress!, $0.count, returning ? 1 : 0)
        }
        return try transfer(.recv, result, zeroIsEnd: false)
    }

    /// write(2) of a part of an array, for what is no socket.
    package func write(_ bytes: [UInt8], at offset: Int, count: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && count > 0 && count <= bytes.count - offset)
        let result = unsafe bytes.withUnsafeBytes { unsafe cload_write(rawValue, $0.baseAddress! + offset, count) }
        return try transfer(.write, result, zeroIsEnd: false)
    }

    /// Whether a connect(2) that was under way has come to its end: send(2) of nothing works on a connection only
    /// (EAGAIN before). Throws what became of a connect that failed.
    func isConnected() throws(SystemError) -> Bool {
        var nothing: UInt8 = 0
        return try transfer(.connect, unsafe cload_send(rawValue, &nothing, 0), zeroIsEnd: false) != .wouldBlock
    }

    /// setsockopt(2) SO_LINGER with no time: close(2) resets a TCP connection instead of finishing it.
    func resetsOnClose() throws(SystemError) {
        _ = try value(.setsockopt, Int(cload_reset_on_close(rawValue)))
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
        unsafe cload_thread_time(&user, &system)
        return ProcessorTime(userNanoseconds: user, systemNanoseconds: system)
    }
}

/// timerfd_create(2): readable from a chosen moment on, which may be finer than the milliseconds of epoll_wait(2).
func makeAlarm() throws(SystemError) -> Descriptor {
    Descriptor(owning: DescriptorNumber(CInt(try value(.timerfdCreate, Int(cload_alarm())))))
}

extension DescriptorNumber {
    /// timerfd_settime(2): readable from `moment` of the monotonic clock on, and not before; 0: never.
    func setAlarm(at moment: Int64) throws(SystemError) {
        _ = try value(.timerfdSettime, Int(cload_set_alarm(rawValue, moment)))
    }
}

/// What a call came to, by the rule of `CLoad`: >= 0 or -errno.
@inline(__always)
private func value(_ call: SystemCall, _ result: Int) throws(SystemError) -> Int {
    if result < 0 { throw SystemError(call, Errno(rawValue: CInt(-result))) }
    return result
}

/// The same for reads and writes, where "not now" is an answer.
@inline(__always)
private func transfer(_ call: SystemCall, _ result: Int, zeroIsEnd: Bool) throws(SystemError) -> Transfer {
    if result == -Int(Errno.resourceTemporarilyUnavailable.rawValue) { return .wouldBlock }
    let count = try value(call, result)
    return count == 0 && zeroIsEnd ? .endOfFile : .bytes(count)
}
