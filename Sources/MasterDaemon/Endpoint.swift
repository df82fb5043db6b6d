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
    static func make(_ plan: EndpointPlan, backlog: Int, windowSize: Int) throws(EndpointFailure) -> DescriptorList {
        var list = DescriptorList()
        switch plan {
        case .inet(let addresses):
            for address in addresses {
                list.append(try inet(address, backlog: backlog, windowSize: windowSize, listening: true))
            }
        case .path(let path, .unix), .path(let path, .pass), .path(let path, .inet):
            list.append(try unix(path, .stream, backlog: backlog))
        case .path(let path, .unixDatagram):
            list.append(try unix(path, .datagram, backlog: backlog))
        case .path(let path, .fifo):
            list.append(try fifo(path))
        }
        return list
    }

    /// Whether the addresses could be bound, without listening: for `--check`.
    static func probe(_ addresses: [SocketAddress]) throws(EndpointFailure) {
        for address in addresses { _ = try inet(address, backlog: 0, windowSize: 0, listening: false) }
    }

    static func inet(
        _ address: SocketAddress,
        backlog: Int,
        windowSize: Int,
        listening: Bool
    ) throws(EndpointFailure) -> Descriptor {
        let socket = try bound(to: address)
        if listening { try listen(socket.number, backlog: backlog, windowSize: windowSize) }
        return socket
    }

    /// A socket that nobody can connect to yet.
    static func bound(to address: SocketAddress) throws(EndpointFailure) -> Descriptor {
        let socket = try step("socket") { () throws(SystemError) in
            try makeSocket(address.family, .stream).moved(atLeast: ChildImage.lowestSource)
        }
        let number = socket.number
        if address.family == .ipv6 {
            try step("setsockopt(IPV6_V6ONLY)") { () throws(SystemError) in try number.setOption(.ipv6Only, 1) }
        }
        try step("setsockopt(SO_REUSEADDR)") { () throws(SystemError) in try number.setOption(.reuseAddress, 1) }
        try step("setsockopt(SO_REUSEPORT)") { () throws(SystemError) in try number.setOption(.reusePort, 1) }
        try step("bind \(address.hostText) port \(address.port)") { () throws(SystemError) in
            try number.bind(to: address)
        }
        return socket
    }

    /// Opens what `bound` has made to clients.
    static func listen(_ number: DescriptorNumber, backlog: Int, windowSize: Int) throws(EndpointFailure) {
        try step("fcntl") { () throws(SystemError) in try number.setNonBlocking(true) }
        if windowSize > 0 {
            try step("setsockopt(SO_SNDBUF)") { () throws(SystemError) in
                try number.setOption(.sendBuffer, Int32(clamping: windowSize))
            }
            try step("setsockopt(SO_RCVBUF)") { () throws(SystemError) in
                try number.setOption(.receiveBuffer, Int32(clamping: windowSize))
            }
        }
        try step("listen") { () throws(SystemError) in try number.listen(backlog: Int32(clamping: backlog)) }
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
