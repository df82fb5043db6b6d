//===----------------------------------------------------------------------===//
// Quartermaster: the socket of the process that takes log lines
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The connection to syslog or postlog. A receiver that was restarted is found again by the line that notices.
struct LogReceiver: ~Copyable {
    enum Outcome { case taken, busy, nobodyThere }

    private static let syslogPath = "/dev/log"

    private let path: String?
    private let waits: Bool
    private var socket: Descriptor?
    /// Whether the last connect found a receiver that has no room for one more connection now.
    private var isCrowded = false
    /// Some syslog daemons listen on a stream; there each line ends with a NUL.
    private var isStream = false
    private(set) var descriptor: DescriptorNumber?

    init(_ destination: LogDestination, waits: Bool) {
        self.waits = waits
        switch destination {
        case .syslog: path = Self.syslogPath
        case .postlog(let socket, _): path = socket
        case .file, .openFile, .standardError: path = nil
        }
        connect()
    }

    mutating func send(_ line: String) -> Outcome {
        if descriptor == nil { connect() }
        if let outcome = trySending(line) { return outcome }
        connect()
        return trySending(line) ?? (isCrowded ? .busy : .nobodyThere)
    }

    /// nil: the connection is of no use.
    private func trySending(_ line: String) -> Outcome? {
        guard let descriptor else { return nil }
        let bytes = Array(line.utf8) + (isStream ? [0] : [])
        guard let result = try? descriptor.send(bytes, waiting: waits) else { return nil }
        return result == .wouldBlock ? .busy : .taken
    }

    /// Connects anew. The old connection stays until there is a better one: inside a chroot there never will be.
    private mutating func connect() {
        guard let path, let address = SocketAddress(unixPath: path) else { return }
        isCrowded = false
        do throws(SystemError) {
            adopt(try connected(to: address, .datagram), isStream: false)
        } catch {
            if error.code == .protocolWrongTypeForSocket { connectStream(to: address) }
        }
    }

    private mutating func connectStream(to address: SocketAddress) {
        do throws(SystemError) {
            adopt(try connected(to: address, .stream), isStream: true)
        } catch {
            isCrowded = error.code == .resourceTemporarilyUnavailable
        }
    }

    private mutating func adopt(_ connection: consuming Descriptor, isStream: Bool) {
        descriptor = connection.number
        self.isStream = isStream
        socket = consume connection
    }

    /// A stream's connect(2) waits while the receiver's queue is full, unless the socket is non-blocking.
    private func connected(to address: SocketAddress, _ kind: SocketKind) throws(SystemError) -> Descriptor {
        let socket = try makeSocket(.unix, kind)
        if !waits { try socket.number.setNonBlocking(true) }
        try socket.number.connect(to: address)
        return socket
    }
}
