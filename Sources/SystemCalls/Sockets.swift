//===----------------------------------------------------------------------===//
// Quartermaster: sockets: made, bound, connected, accepted
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// The kinds of socket this project makes.
package enum SocketKind: Sendable {
    case stream, datagram

    fileprivate var rawValue: CInt {
        switch self {
        case .stream: CInt(SOCK_STREAM.rawValue)
        case .datagram: CInt(SOCK_DGRAM.rawValue)
        }
    }

    fileprivate init?(rawValue: CInt) {
        guard let kind = [SocketKind.stream, .datagram].first(where: { $0.rawValue == rawValue }) else { return nil }
        self = kind
    }
}

/// socket(2), close-on-exec.
package func makeSocket(_ family: SocketAddress.Family, _ kind: SocketKind) throws(SystemError) -> Descriptor {
    let domain = family == .unix ? AF_UNIX : family == .ipv4 ? AF_INET : AF_INET6
    return Descriptor(owning: DescriptorNumber(try calling(.socket) { cposix_socket(domain, kind.rawValue) }))
}

/// socketpair(2) of UNIX stream sockets, both close-on-exec.
package func makeSocketPair(_ kind: SocketKind = .stream) throws(SystemError) -> DescriptorPair {
    var pair: (CInt, CInt) = (-1, -1)
    let type = kind.rawValue | CInt(SOCK_CLOEXEC.rawValue)
    _ = try calling(.socketpair) {
        unsafe withUnsafeMutableBytes(of: &pair) {
            unsafe cposix_socketpair(type, $0.baseAddress!.assumingMemoryBound(to: CInt.self))
        }
    }
    return DescriptorPair(first: Descriptor(owning: .init(pair.0)), second: Descriptor(owning: .init(pair.1)))
}

/// pipe2(2), both ends close-on-exec: `first` reads, `second` writes.
package func makePipe(nonBlocking: Bool) throws(SystemError) -> DescriptorPair {
    var pair: (CInt, CInt) = (-1, -1)
    _ = try calling(.pipe) {
        unsafe withUnsafeMutableBytes(of: &pair) {
            unsafe cposix_pipe(
                $0.baseAddress!.assumingMemoryBound(to: CInt.self),
                O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0)
            )
        }
    }
    return DescriptorPair(first: Descriptor(owning: .init(pair.0)), second: Descriptor(owning: .init(pair.1)))
}

/// Two descriptors that belong together.
package struct DescriptorPair: ~Copyable, Sendable {
    package var first: Descriptor
    package var second: Descriptor

    package init(first: consuming Descriptor, second: consuming Descriptor) {
        self.first = first
        self.second = second
    }

    /// Closes the other one.
    package consuming func keepingFirst() -> Descriptor { first }

    /// Closes the other one.
    package consuming func keepingSecond() -> Descriptor { second }

    /// Both under numbers not below `lowest`.
    package consuming func moved(atLeast lowest: Int32) throws(SystemError) -> DescriptorPair {
        DescriptorPair(first: try first.moved(atLeast: lowest), second: try second.moved(atLeast: lowest))
    }
}

/// Socket options by name; every value is an int.
package enum SocketOption: Sendable {
    case reuseAddress, reusePort, keepAlive, sendBuffer, receiveBuffer, ipv6Only, priority
    /// Of TCP: what is written goes out at once.
    case noDelay
    /// Of TCP: nothing more is taken while so many bytes have not been sent yet.
    case unsentLimit
    /// Beyond what net.core.rmem_max allows to who is not root.
    case receiveBufferByForce
    /// The number of the network interface that packets have to come from; 0 for any.
    case boundInterface
    /// Only to be read: whether listen(2) was called, and the kind of socket.
    case isListening, kind

    fileprivate var levelAndName: (CInt, CInt) {
        switch self {
        case .reuseAddress: (SOL_SOCKET, SO_REUSEADDR)
        case .reusePort: (SOL_SOCKET, SO_REUSEPORT)
        case .keepAlive: (SOL_SOCKET, SO_KEEPALIVE)
        case .sendBuffer: (SOL_SOCKET, SO_SNDBUF)
        case .receiveBuffer: (SOL_SOCKET, SO_RCVBUF)
        case .receiveBufferByForce: (SOL_SOCKET, SO_RCVBUFFORCE)
        case .priority: (SOL_SOCKET, SO_PRIORITY)
        case .boundInterface: (SOL_SOCKET, SO_BINDTOIFINDEX)
        case .isListening: (SOL_SOCKET, SO_ACCEPTCONN)
        case .kind: (SOL_SOCKET, SO_TYPE)
        case .ipv6Only: (CInt(IPPROTO_IPV6), IPV6_V6ONLY)
        case .noDelay: (CInt(IPPROTO_TCP), TCP_NODELAY)
        case .unsentLimit: (CInt(IPPROTO_TCP), TCP_NOTSENT_LOWAT)
        }
    }
}

/// The process at the other end of a connection, as the kernel knows it.
package struct PeerCredentials: Equatable, Sendable {
    package let processID: Int32
    package let userID: UInt32

    package init(processID: Int32, userID: UInt32) {
        self.processID = processID
        self.userID = userID
    }
}

/// What accept(2) came to. `nothing` covers the empty queue and every error that concerns one lost client only.
package enum Accepted: ~Copyable {
    case client(Descriptor)
    case nothing
}

extension DescriptorNumber {
    /// setsockopt(2).
    package func setOption(_ option: SocketOption, _ value: CInt) throws(SystemError) {
        let (level, name) = option.levelAndName
        _ = try calling(.setsockopt) { cposix_set_option(rawValue, level, name, value) }
    }

    /// getsockopt(2).
    package func option(_ option: SocketOption) throws(SystemError) -> CInt {
        let (level, name) = option.levelAndName
        return try calling(.getsockopt) { cposix_get_option(rawValue, level, name) }
    }

    /// getsockopt(2) SO_TYPE; nil for a kind that we do not make.
    package func socketKind() throws(SystemError) -> SocketKind? { SocketKind(rawValue: try option(.kind)) }

    /// getsockopt(2) SO_ERROR: the result of a connect that was still under way; nil when it worked.
    package func pendingError() throws(SystemError) -> SystemError? {
        let code = try calling(.getsockopt) { cposix_get_option(rawValue, SOL_SOCKET, SO_ERROR) }
        return code == 0 ? nil : SystemError(.connect, Errno(rawValue: code))
    }

    /// getsockopt(2) SO_PEERCRED: who connected to a UNIX-domain socket of ours, at the time of the connect.
    package func peerCredentials() throws(SystemError) -> PeerCredentials {
        var (pid, uid): (Int32, UInt32) = (0, 0)
        let number = rawValue
        _ = try calling(.getsockopt) { unsafe cposix_peer(number, &pid, &uid) }
        return PeerCredentials(processID: pid, userID: uid)
    }

    /// bind(2).
    package func bind(to address: SocketAddress) throws(SystemError) {
        _ = try calling(.bind) {
            unsafe address.bytes.withUnsafeBytes {
                unsafe cposix_bind(rawValue, $0.baseAddress!, CUnsignedInt($0.count))
            }
        }
    }

    /// connect(2). A non-blocking socket may throw `.nowInProgress`; a full UNIX queue
    /// `.resourceTemporarilyUnavailable`.
    package func connect(to address: SocketAddress) throws(SystemError) {
        _ = try calling(.connect) {
            unsafe address.bytes.withUnsafeBytes {
                unsafe cposix_connect(rawValue, $0.baseAddress!, CUnsignedInt($0.count))
            }
        }
    }

    /// shutdown(2) of our direction: the peer reads an end of file, and may go on sending.
    package func shutdownWriting() throws(SystemError) {
        _ = try calling(.shutdown) { cposix_shutdown_writing(rawValue) }
    }

    /// connect(2) to no address: a datagram socket takes what anybody sends again, at the address that it was bound to.
    package func disconnect() throws(SystemError) {
        let before = try name(ofPeer: false)
        _ = try calling(.connect) { cposix_disconnect(rawValue) }
        // The kernel takes back a port that it had chosen itself.
        guard let port = before?.port, port != 0, let after = try name(ofPeer: false), after.port == 0 else { return }
        try bind(to: after.withPort(port))
    }

    /// setsockopt(2) IP_PKTINFO, or IPV6_RECVPKTINFO: of each datagram is known from then on which address it was sent
    /// to, which a socket on all addresses does not know otherwise.
    package func tellDestinations(_ family: SocketAddress.Family) throws(SystemError) {
        _ = try calling(.setsockopt) { cposix_tell_destinations(rawValue, family == .ipv6 ? 1 : 0) }
    }

    /// setsockopt(2) SO_LINGER, with no time: when the descriptor is closed, what was not sent is dropped, and the peer
    /// of a TCP connection gets a reset. Other sockets close as usual.
    package func resetWhenClosed() throws(SystemError) {
        _ = try calling(.setsockopt) { cposix_reset_when_closed(rawValue) }
    }

    /// shutdown(2) of both directions, whoever else has the socket open.
    package func shutdown() throws(SystemError) { _ = try calling(.shutdown) { cposix_shutdown(rawValue) } }

    /// getpeername(2) or getsockname(2) into `buffer`, as raw as it comes; how many bytes of it. For what may not
    /// allocate.
    package func copyName(ofPeer peer: Bool, into buffer: inout MutableRawSpan) throws(SystemError) -> Int {
        let number = rawValue
        var size = CUnsignedInt(clamping: buffer.byteCount)
        _ = try calling(peer ? .getpeername : .getsockname) {
            unsafe buffer.withUnsafeMutableBytes {
                unsafe cposix_socket_name(number, peer ? 1 : 0, $0.baseAddress!, &size)
            }
        }
        return min(Int(size), buffer.byteCount)
    }

    /// listen(2).
    package func listen(backlog: CInt) throws(SystemError) {
        _ = try calling(.listen) { cposix_listen(rawValue, backlog) }
    }

    /// accept4(2): a close-on-exec client, non-blocking unless `blocking`.
    @inline(__always)
    package func accept(blocking: Bool = false) throws(SystemError) -> Accepted {
        do throws(SystemError) {
            let number = try calling(.accept4) { cposix_accept(rawValue, blocking ? 1 : 0) }
            return .client(Descriptor(owning: DescriptorNumber(number)))
        } catch {
            if isHarmlessForAccept(error.code) { return .nothing }
            throw error
        }
    }

    /// getsockname(2) or getpeername(2); nil for an unnamed or foreign address.
    package func name(ofPeer peer: Bool) throws(SystemError) -> SocketAddress? {
        try unsafe withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) {
            (raw: UnsafeMutableRawBufferPointer) throws(SystemError) -> SocketAddress? in
            var size = CUnsignedInt(raw.count)
            let base = raw.baseAddress!
            _ = try calling(peer ? .getpeername : .getsockname) {
                unsafe cposix_socket_name(rawValue, peer ? 1 : 0, base, &size)
            }
            return unsafe SocketAddress(copying: UnsafeRawBufferPointer(start: base, count: Int(min(size, 128))))
        }
    }

    /// sendmsg(2): passes `descriptor` with one NUL byte.
    package func pass(_ descriptor: DescriptorNumber) throws(SystemError) {
        _ = try calling(.sendmsg) { cposix_send_descriptor(rawValue, descriptor.rawValue) }
    }

    /// recvmsg(2): the descriptor that came with one byte. Throws `.badMessage` when the byte came alone and
    /// `.brokenPipe` at end of file.
    package func receiveDescriptor() throws(SystemError) -> Descriptor {
        Descriptor(owning: DescriptorNumber(try calling(.recvmsg) { cposix_receive_descriptor(rawValue) }))
    }
}

/// Errors of accept(2) that concern one client, gone before we got to it, or a moment; the next call may work.
/// Linux hands pending network errors of the new socket to accept, hence the long list of network reasons.
private func isHarmlessForAccept(_ code: Errno) -> Bool {
    switch code {
    case .resourceTemporarilyUnavailable, .interrupted: true
    case .connectionAbort, .connectionReset, .connectionRefused, .socketNotConnected: true
    case .hostIsDown, .noRouteToHost, .networkDown, .networkUnreachable: true
    case .protocolError: true
    default: false
    }
}
