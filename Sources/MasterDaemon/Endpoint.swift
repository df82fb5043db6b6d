//===----------------------------------------------------------------------===//
// Quartermaster: making the sockets and FIFOs that services listen on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// Why an endpoint cannot be made; `text` is the whole message, `code` what the kernel said, if it was asked.
struct EndpointFailure: Error {
    let text: String
    var code: Errno?

    /// Whether it has nothing to do with this endpoint.
    var isShortage: Bool {
        switch code {
        case .tooManyOpenFiles?, .tooManyOpenFilesInSystem?, .noMemory?, .noBufferSpace?: true
        default: false
        }
    }
}

/// Permissions of endpoints; who may reach one is decided by the permissions of its directory.
private let socketMode: UInt32 = 0o666
private let fifoMode: UInt32 = 0o622

/// Creates endpoints in the order of system calls that clients and children rely on. Non-blocking, close-on-exec.
enum Endpoint {
    /// How long a queue may get.
    struct Room {
        /// Connections that wait.
        var backlog = 0
        /// `tcp_windowsize`, of connections; 0 for what the kernel gives.
        var windowSize = 0
        /// Bytes of datagrams that wait; 0 for what the kernel gives.
        var receiveBuffer = 0
    }

    static func make(_ plan: EndpointPlan, _ room: Room) throws(EndpointFailure) -> DescriptorList {
        var list = DescriptorList()
        let backlog = room.backlog
        switch plan {
        case .inet(let addresses), .udp(let addresses):
            for address in addresses { list.append(try internet(address, plan.socketKind, room)) }
        case .path(let path, .unix), .path(let path, .pass), .path(let path, .inet), .path(let path, .udp):
            list.append(try unix(path, .stream, backlog: backlog))
        case .path(let path, .unixDatagram):
            list.append(try unix(path, .datagram, backlog: backlog))
        case .path(let path, .fifo):
            list.append(try fifo(path))
        }
        return list
    }

    /// Whether the addresses could be bound, without listening: for `--check`.
    static func probe(_ plan: EndpointPlan) throws(EndpointFailure) {
        for address in plan.addresses ?? [] { _ = try bound(to: address, plan.socketKind, receives: false) }
    }

    /// A socket that clients reach.
    static func internet(
        _ address: SocketAddress,
        _ kind: SocketKind,
        _ room: Room
    ) throws(EndpointFailure) -> Descriptor {
        let socket = try bound(to: address, kind)
        try open(socket.number, kind, room)
        return socket
    }

    /// A socket that nobody can connect to yet. One for datagrams receives from here on.
    ///
    /// - Parameter receives: whether it is to be used. One that is not must not take what is meant for another socket
    ///   with the same address.
    static func bound(
        to address: SocketAddress,
        _ kind: SocketKind,
        receives: Bool = true
    ) throws(EndpointFailure) -> Descriptor {
        let socket = try step("socket") { () throws(SystemError) in
            try makeSocket(address.family, kind).moved(atLeast: ChildImage.lowestSource)
        }
        let number = socket.number
        if address.family == .ipv6 {
            try step("setsockopt(IPV6_V6ONLY)") { () throws(SystemError) in try number.setOption(.ipv6Only, 1) }
        }
        switch kind {
        case .stream:
            try step("setsockopt(SO_REUSEADDR)") { () throws(SystemError) in try number.setOption(.reuseAddress, 1) }
        case .datagram:
            // SO_REUSEADDR would let any other program take the address over.
            try step("setsockopt") { () throws(SystemError) in try number.setUpForDatagrams(of: address) }
            if !receives {
                try step("setsockopt(SO_BINDTOIFINDEX)") { () throws(SystemError) in
                    try number.setOption(.boundInterface, RunningService.nowhere)
                }
            }
        }
        try step("setsockopt(SO_REUSEPORT)") { () throws(SystemError) in try number.setOption(.reusePort, 1) }
        try step("bind \(address.hostText) port \(address.port)") { () throws(SystemError) in
            try number.bind(to: address)
        }
        return socket
    }

    /// Opens what `bound` has made to clients.
    static func open(_ number: DescriptorNumber, _ kind: SocketKind, _ room: Room) throws(EndpointFailure) {
        try step("fcntl") { () throws(SystemError) in try number.setNonBlocking(true) }
        switch kind {
        case .stream: try listen(number, room)
        case .datagram:
            try step("setsockopt(SO_RCVBUF)") { () throws(SystemError) in
                _ = try number.setReceiveBuffer(room.receiveBuffer)
            }
        }
    }

    private static func listen(_ number: DescriptorNumber, _ room: Room) throws(EndpointFailure) {
        if room.windowSize > 0 {
            try step("setsockopt(SO_SNDBUF)") { () throws(SystemError) in
                try number.setOption(.sendBuffer, Int32(clamping: room.windowSize))
            }
            try step("setsockopt(SO_RCVBUF)") { () throws(SystemError) in
                try number.setOption(.receiveBuffer, Int32(clamping: room.windowSize))
            }
        }
        try step("listen") { () throws(SystemError) in try number.listen(backlog: Int32(clamping: room.backlog)) }
    }

    private static func unix(_ path: String, _ kind: SocketKind, backlog: Int) throws(EndpointFailure) -> Descriptor {
        let prefix = kind == .datagram ? "unix_dgram_listen: " : ""
        guard let address = SocketAddress(unixPath: path) else {
            throw EndpointFailure(text: "\(prefix)unix-domain name too long: \(path)", code: .fileNameTooLong)
        }
        let socket = try step("\(prefix)socket") { () throws(SystemError) in
            try makeSocket(.unix, kind).moved(atLeast: ChildImage.lowestSource)
        }
        let number = socket.number
        try step("remove \(path)") { () throws(SystemError) in try removeFile(path) }
        try step("bind: \(path)") { () throws(SystemError) in try number.bind(to: address) }
        try orRemove(path) { () throws(EndpointFailure) in
            try step("chmod socket \(path)") { () throws(SystemError) in
                try changeMode(ofPath: path, socketMode)
            }
            try step("fcntl") { () throws(SystemError) in try number.setNonBlocking(true) }
            if kind == .stream {
                try step("listen") { () throws(SystemError) in try number.listen(backlog: Int32(clamping: backlog)) }
            }
        }
        return socket
    }

    private static func fifo(_ path: String) throws(EndpointFailure) -> Descriptor {
        let me = "fifo_listen: "
        try step("\(me)remove \(path)") { () throws(SystemError) in try removeFile(path) }
        try step("\(me)create fifo \(path)") { () throws(SystemError) in
            try makeFifo(path, mode: fifoMode)
        }
        return try orRemove(path) { () throws(EndpointFailure) in try opened(path, me) }
    }

    private static func opened(_ path: String, _ me: String) throws(EndpointFailure) -> Descriptor {
        let opened = try step("\(me)open \(path)") { () throws(SystemError) in try openFifo(path) }
        let number = opened.number
        let kind = try step("\(me)fstat \(path)") { () throws(SystemError) in try number.facts().kind }
        if kind != .fifo { throw EndpointFailure(text: "\(me)not a fifo: \(path)") }
        try step("\(me)fchmod \(path)") { () throws(SystemError) in try number.changeMode(fifoMode) }
        // Bytes of an earlier life would start a process for nothing.
        while let stale = try? number.read(atMost: 1024), !stale.isEmpty {}
        return opened
    }

    /// Reading and writing, so that the FIFO never reports an end of file; some systems report it readable then.
    private static func openFifo(_ path: String) throws(SystemError) -> Descriptor {
        let both = try openFile(path, [.readWrite, .nonBlocking]).moved(atLeast: ChildImage.lowestSource)
        if try !both.number.waitForInput(milliseconds: 0) { return both }
        return try openFile(path, [.readOnly, .nonBlocking]).moved(atLeast: ChildImage.lowestSource)
    }

    /// Runs what is left to do for a file that was just made, and takes the file away when that fails.
    private static func orRemove<Result: ~Copyable>(
        _ path: String,
        _ body: () throws(EndpointFailure) -> Result
    ) throws(EndpointFailure) -> Result {
        do throws(EndpointFailure) {
            return try body()
        } catch {
            try? removeFile(path)
            throw error
        }
    }

    static func step<Result: ~Copyable>(
        _ what: String,
        _ body: () throws(SystemError) -> Result
    ) throws(EndpointFailure) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw EndpointFailure(text: "\(what): \(error.reason)", code: error.code)
        }
    }
}

extension EndpointPlan {
    /// Of the sockets of an endpoint that has addresses.
    var socketKind: SocketKind {
        if case .udp = self { .datagram } else { .stream }
    }
}

extension DescriptorNumber {
    /// What a socket for datagrams is besides its address. One for all addresses has to say which was asked, or answers
    /// would leave from another.
    func setUpForDatagrams(of address: SocketAddress) throws(SystemError) {
        if address.isWildcard { try tellDestinations(address.family) }
    }

    /// Bytes of datagrams that may wait; 0 or less leaves it to the kernel. What root asks for is not bounded by
    /// net.core.rmem_max.
    ///
    /// - Returns: what it has got, which may be less.
    func setReceiveBuffer(_ bytes: Int) throws(SystemError) -> Int {
        if bytes <= 0 { return 0 }
        let wanted = Int32(clamping: bytes)
        do throws(SystemError) {
            try setOption(.receiveBufferByForce, wanted)
        } catch {
            guard error.code == .notPermitted else { throw error }
            try setOption(.receiveBuffer, wanted)
        }
        // The kernel doubles it, for its own use.
        return Int(try option(.receiveBuffer) / 2)
    }
}
