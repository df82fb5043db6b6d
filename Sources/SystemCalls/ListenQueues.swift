//===----------------------------------------------------------------------===//
// Quartermaster: how many wait at a socket or FIFO, and who found no room
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix

/// A queue as the kernel has it.
package struct WaitingQueue: Equatable, Sendable {
    /// Connections that wait for accept(2); bytes, of a FIFO or a datagram socket.
    package let length: Int
    /// What listen(2) was told, as far as net.core.somaxconn lets it be; what fits, of the others.
    package let room: Int

    package init(length: Int, room: Int) {
        self.length = length
        self.room = room
    }

    /// Of a listening socket: Linux turns a client away when there are more than `room` already.
    package var isOverfull: Bool { length > room }
}

extension DescriptorNumber {
    /// The queue of a listening TCP socket: TCP_INFO of tcp(7). EINVAL when it is none.
    package func tcpQueue() throws(SystemError) -> WaitingQueue {
        try unsafe queue(.getsockopt) { unsafe cposix_tcp_queue($0, $1) }
    }

    /// The queue of a listening UNIX-domain socket: sock_diag(7). ENOENT, EPROTONOSUPPORT, EPERM and others where the
    /// kernel does not tell.
    package func unixQueue() throws(SystemError) -> WaitingQueue {
        try unsafe queue(.sockDiag) { unsafe cposix_unix_queue($0, $1) }
    }

    /// What is in a pipe or FIFO: FIONREAD of ioctl(2), F_GETPIPE_SZ of fcntl(2).
    package func pipeQueue() throws(SystemError) -> WaitingQueue {
        try unsafe queue(.fcntl) { unsafe cposix_pipe_queue($0, $1) }
    }

    /// What waits at a datagram socket of an Internet protocol, in bytes of the kernel's memory: SO_MEMINFO.
    package func datagramQueue() throws(SystemError) -> WaitingQueue {
        try unsafe queue(.getsockopt) { unsafe cposix_datagram_queue($0, $1) }
    }

    private func queue(
        _ call: SystemCall,
        _ body: (CInt, UnsafeMutablePointer<CInt>) -> CInt
    ) throws(SystemError) -> WaitingQueue {
        var room: CInt = 0
        let number = rawValue
        let length = try calling(call) { unsafe body(number, &room) }
        return WaitingQueue(length: Int(length), room: Int(room))
    }

    /// getsockopt(2) SO_MEMINFO: of a listening TCP socket, how many attempts to connect were dropped since it was
    /// made, nearly always because its queue was full. Who tries several times is counted each time. Of a UDP socket,
    /// how many datagrams were.
    package func droppedCount() throws(SystemError) -> UInt32 {
        var count: UInt32 = 0
        let number = rawValue
        _ = try calling(.getsockopt) { unsafe cposix_dropped(number, &count) }
        return count
    }
}
