//===----------------------------------------------------------------------===//
// Quartermaster: a client that makes trouble for a service under test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// What becomes of a write of the service. All but `noRoom` and `noMemory` last: the connection is broken.
public struct WriteFailure: Equatable, Sendable {
    let code: Errno
    let isOnce: Bool

    private init(_ code: Errno, isOnce: Bool = false) {
        self.code = code
        self.isOnce = isOnce
    }

    /// EPIPE: the client has closed the connection.
    public static let brokenPipe = WriteFailure(.brokenPipe)
    /// ECONNRESET: the client has broken the connection off.
    public static let connectionReset = WriteFailure(.connectionReset)
    /// ETIMEDOUT: the network has given up.
    public static let timedOut = WriteFailure(.timedOut)
    /// ECONNREFUSED: nobody takes datagrams there.
    public static let connectionRefused = WriteFailure(.connectionRefused)
    /// EAGAIN, once: the kernel has no room now, and then has.
    public static let noRoom = WriteFailure(.resourceTemporarilyUnavailable, isOnce: true)
    /// ENOBUFS, once: the kernel is short of memory for a moment.
    public static let noMemory = WriteFailure(.noBufferSpace, isOnce: true)

    /// Any other error number of errno(3).
    public static func error(_ number: Int32, once: Bool = false) -> WriteFailure {
        WriteFailure(Errno(rawValue: number), isOnce: once)
    }
}

extension TestClient {
    /// Takes so many bytes more and no further ones, until `readOn()`: what the service sends then has to wait. The
    /// kernel keeps as little for this client as it can, some 4 KB instead of some 200 KB.
    public func stopReading(after count: Int = 0) throws {
        guard let tester, let address, let number else { throw Self.notHere }
        try tester.happened()
        readable = max(count, 0)
        try number.setOption(.receiveBuffer, 0)
        // It has the least room that there is.
        try serverEnd(address).setOption(.sendBuffer, 0)
    }

    /// Takes again what comes.
    public func readOn() throws {
        readable = .max
        take()
        try tester?.happened()
    }

    /// Breaks the connection off. Over TCP the service is told so at once, by a reset; a UNIX socket has one only where
    /// something is unread.
    public func reset() throws {
        try number?.resetWhenClosed()
        try hangUp()
    }

    /// The descriptor that the server has for this client. It is of this process, too.
    private func serverEnd(_ address: SocketAddress) throws -> DescriptorNumber {
        for number in 0..<Int32(65_536) {
            // Others are not open, no sockets, or not connected.
            let peer = try? DescriptorNumber(number).name(ofPeer: true)
            if peer == address { return DescriptorNumber(number) }
        }
        throw ServiceTestError("the service has not accepted this client")
    }

    private static var notHere: ServiceTestError { ServiceTestError("no client of a service in this process") }

    /// What the service writes to this client fails, once it has written `count` bytes more. A datagram fails as a
    /// whole.
    ///
    /// Only in a debug build, as `swift test` makes it: daemons have no word of it.
    public func failWrite(after count: Int = 0, with failure: WriteFailure = .brokenPipe) throws {
        guard let address else { throw Self.notHere }
        #if DEBUG
        WritePlan.fail(to: address, after: count, with: failure.code, once: failure.isOnce)
        #else
        throw ServiceTestError("writes to \(address) cannot fail in a release build")
        #endif
    }

    func failNoWrite() {
        #if DEBUG
        if let address { WritePlan.forget(address) }
        #endif
    }
}
