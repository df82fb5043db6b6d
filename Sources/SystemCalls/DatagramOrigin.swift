//===----------------------------------------------------------------------===//
// Quartermaster: where a datagram came from
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
package import FixedMemory
import Glibc

/// The address of a sender, and what an answer to it needs besides: the socket, and the address of ours that was asked.
/// Stored in place, so that it may be kept without an allocation. Equal are those of one address, whatever was asked.
package struct DatagramOrigin: Sendable {
    /// sockaddr_storage.
    static let longestName = 128

    private var name = InlineArray<128, UInt8>(repeating: 0)
    private var nameLength = 0
    private var control = InlineArray<64, UInt8>(repeating: 0)
    private var controlLength = 0
    package let socket: DescriptorNumber

    init(socket: DescriptorNumber) {
        precondition(cposix_message_name_size() <= Self.longestName && cposix_message_control_size() <= 64)
        self.socket = socket
    }

    /// A sender that is known beforehand; nil for an address that is longer than any.
    package init?(_ address: SocketAddress, socket: DescriptorNumber) {
        guard address.bytes.count <= Self.longestName else { return nil }
        self.init(socket: socket)
        unsafe address.bytes.withUnsafeBytes { bytes in unsafe take(name: bytes) { _ in 0 } }
    }

    mutating func take(name source: UnsafeRawBufferPointer, asked: (UnsafeMutableRawPointer) -> UInt32) {
        nameLength = source.count
        unsafe withUnsafeMutableBytes(of: &name) { unsafe $0.copyMemory(from: source) }
        controlLength = unsafe Int(withUnsafeMutableBytes(of: &control) { unsafe asked($0.baseAddress!) })
    }

    /// Where answers to this one stand in memory while `body` runs: the address, and the control message.
    func withPlaces<Result>(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe withUnsafeBytes(of: name) { name in
            unsafe withUnsafeBytes(of: control) { control in
                unsafe body(
                    UnsafeRawBufferPointer(rebasing: name.prefix(nameLength)),
                    UnsafeRawBufferPointer(rebasing: control.prefix(controlLength))
                )
            }
        }
    }

    package var family: SocketAddress.Family? {
        switch CInt(name[0]) | CInt(name[1]) << 8 {
        case AF_INET: .ipv4
        case AF_INET6: .ipv6
        case AF_UNIX: .unix
        default: nil
        }
    }

    /// 0 of a UNIX socket.
    package var port: UInt16 {
        switch family {
        case .ipv4?, .ipv6?: UInt16(name[2]) << 8 | UInt16(name[3])
        case .unix?, nil: 0
        }
    }

    /// The address as a value of its own, for what is done rarely.
    package var address: SocketAddress? {
        unsafe withPlaces { name, _ in unsafe SocketAddress(copying: name) }
    }

    /// Appends the host as inet_ntop(3) writes it; the path of a UNIX socket, with `@` before an abstract name. Without
    /// an allocation; false when there is no room.
    package func appendHost(to buffer: inout AppendBuffer) -> Bool {
        switch family {
        case .ipv4?: appendNumbers(AF_INET, at: 4, to: &buffer)
        case .ipv6?: appendNumbers(AF_INET6, at: 8, to: &buffer)
        case .unix?: appendPath(to: &buffer)
        case nil: true
        }
    }

    private func appendNumbers(_ family: CInt, at place: Int, to buffer: inout AppendBuffer) -> Bool {
        var text = InlineArray<48, UInt8>(repeating: 0)
        return unsafe withUnsafeMutableBytes(of: &text) { text in
            let start = unsafe text.baseAddress!.assumingMemoryBound(to: CChar.self)
            let isWritten = unsafe withUnsafeBytes(of: name) {
                unsafe inet_ntop(family, $0.baseAddress! + place, start, socklen_t(text.count)) != nil
            }
            guard isWritten else { return false }
            return unsafe buffer.append(UnsafeRawBufferPointer(start: start, count: strlen(start)).bytes)
        }
    }

    private func appendPath(to buffer: inout AppendBuffer) -> Bool {
        let isAbstract = nameLength > 2 && name[2] == 0
        if isAbstract, !buffer.append("@") { return false }
        return unsafe withPlaces { name, _ in
            let rest = unsafe name.dropFirst(isAbstract ? 3 : 2)
            let end = unsafe isAbstract ? rest.endIndex : (rest.firstIndex(of: 0) ?? rest.endIndex)
            return unsafe buffer.append(UnsafeRawBufferPointer(rebasing: rest[..<end]).bytes)
        }
    }
}

extension DatagramOrigin: Hashable {
    package static func == (left: DatagramOrigin, right: DatagramOrigin) -> Bool {
        unsafe left.withPlaces { left, _ in
            unsafe right.withPlaces { right, _ in
                unsafe left.count == right.count && memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
            }
        }
    }

    package func hash(into hasher: inout Hasher) {
        unsafe withPlaces { name, _ in unsafe hasher.combine(bytes: name) }
    }
}
