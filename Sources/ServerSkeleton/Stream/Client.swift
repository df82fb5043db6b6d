//===----------------------------------------------------------------------===//
// Quartermaster: who a service talks to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A connected client, as far as a service may ask about it. The value names one connection; it does not keep it open.
public struct Client {
    /// Differs from that of every other client this process ever had.
    public let id: ClientID
    /// What the process that passed the connection on said about it; nil when it was not passed on, or nothing was
    /// said.
    public let passAttributes: PassAttributes?
    let descriptor: DescriptorNumber

    /// The address of the peer, such as `192.0.2.1`; nil on a UNIX socket. A system call.
    public func peerAddress() -> String? {
        guard let address = try? descriptor.name(ofPeer: true), address.family != .unix else { return nil }
        return address.hostText
    }
}

/// The name of one connection of this process.
public struct ClientID: Hashable, Sendable {
    @usableFromInline let index: UInt32
    @usableFromInline let generation: UInt32

    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// The place of the connection in a table: small, and used again once the connection is over.
    @inlinable var place: Int { Int(index) }
}

/// Names and values that came along with a passed connection, such as `client_address`. Of a repeated name the first
/// value counts.
public struct PassAttributes: Equatable, Sendable {
    private(set) var entries: [(name: String, value: String)] = []

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }
    public var names: [String] { entries.map(\.name) }

    public subscript(name: String) -> String? { entries.first { $0.name == name }?.value }

    mutating func append(_ name: String, _ value: String) { entries.append((name, value)) }

    public static func == (left: PassAttributes, right: PassAttributes) -> Bool {
        left.entries.elementsEqual(right.entries) { $0.name == $1.name && $0.value == $1.value }
    }
}
