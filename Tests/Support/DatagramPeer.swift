//===----------------------------------------------------------------------===//
// Quartermaster: a client that speaks UDP
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// A UDP socket on loopback with a port of its own, or a UNIX-domain datagram socket with a name. It waits for answers,
/// but never for ever.
package final class DatagramPeer {
    package struct Answer: Equatable {
        package let text: String
        /// Where it came from, in numbers; empty of a UNIX-domain socket.
        package let host: String

        package init(text: String, host: String) {
            self.text = text
            self.host = host
        }
    }

    private let socket: Int32
    private let target: [UInt8]

    /// - Parameter isConnected: whether it hears of a port where nobody is.
    package init(_ host: String = "127.0.0.1", port: UInt16, isConnected: Bool = false) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let found = list?.pointee else {
            throw TestSupportError("no address: \(host)")
        }
        defer { freeaddrinfo(list) }
        target = Array(UnsafeRawBufferPointer(start: found.ai_addr, count: Int(found.ai_addrlen)))
        socket = Foundation.socket(found.ai_family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: \(errnoText())") }
        if isConnected, connect(socket, found.ai_addr, found.ai_addrlen) != 0 {
            throw TestSupportError("connect: \(errnoText())")
        }
    }

    /// - Parameter own: the name that answers come to; nil for none.
    package init(path: String, own: String?) throws {
        func address(_ path: String) -> [UInt8] {
            let family = UInt16(AF_UNIX)
            return [UInt8(family & 255), UInt8(family >> 8)] + Array(path.utf8) + [0]
        }
        target = address(path)
        socket = Foundation.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestSupportError("socket: \(errnoText())") }
        guard let own else { return }
        let bytes = address(own)
        let result = bytes.withUnsafeBytes {
            bind(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard result == 0 else { throw TestSupportError("bind: \(errnoText())") }
    }

    deinit { close(socket) }

    /// Of its own end.
    package var port: UInt16 {
        var address = [UInt8](repeating: 0, count: 128)
        var size = socklen_t(address.count)
        _ = address.withUnsafeMutableBytes {
            getsockname(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
        }
        return UInt16(address[2]) << 8 | UInt16(address[3])
    }

    /// The error number, or 0. A connected one may hear of an earlier datagram here.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Int32 {
        let sent = target.withUnsafeBytes { address in
            sendto(
                socket,
                bytes,
                bytes.count,
                Int32(MSG_DONTWAIT),
                address.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(address.count)
            )
        }
        return sent == bytes.count ? 0 : errno
    }

    @discardableResult
    package func send(_ text: String) -> Int32 { send(Array(text.utf8)) }

    /// Nil when nothing comes, or that nobody is there.
    package func receive(within milliseconds: Int32 = patience.milliseconds) -> Answer? {
        var poll = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard uninterrupted({ Int(Foundation.poll(&poll, 1, milliseconds)) }) == 1 else { return nil }
        var block = [UInt8](repeating: 0, count: 65_536)
        var address = [UInt8](repeating: 0, count: 128)
        var size = socklen_t(address.count)
        let count = address.withUnsafeMutableBytes {
            recvfrom(
                socket,
                &block,
                block.count,
                Int32(MSG_DONTWAIT),
                $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                &size
            )
        }
        if count < 0 { return nil }
        return Answer(text: String(decoding: block.prefix(count), as: UTF8.self), host: host(address, size))
    }

    private func host(_ address: [UInt8], _ size: socklen_t) -> String {
        var text = [CChar](repeating: 0, count: 128)
        let isFound = address.withUnsafeBytes {
            getnameinfo(
                $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                size,
                &text,
                socklen_t(text.count),
                nil,
                0,
                NI_NUMERICHOST
            ) == 0
        }
        guard isFound, Int32(address[0]) != AF_UNIX else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What it is told of an earlier datagram: ECONNREFUSED of a port where nobody is.
    package func pendingError(within milliseconds: Int32 = patience.milliseconds) -> Int32 {
        var poll = pollfd(fd: socket, events: 0, revents: 0)
        guard uninterrupted({ Int(Foundation.poll(&poll, 1, milliseconds)) }) == 1 else { return 0 }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }

    package func ask(_ text: String, within milliseconds: Int32 = patience.milliseconds) -> Answer? {
        send(text)
        return receive(within: milliseconds)
    }
}
