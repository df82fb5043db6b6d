//===----------------------------------------------------------------------===//
// Quartermaster: tests of the sockets and FIFOs that services listen on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// The text of an endpoint that could not be made.
private func failure(_ plan: EndpointPlan, windowSize: Int = 0) -> String? {
    do throws(EndpointFailure) {
        _ = try Endpoint.make(plan, .init(backlog: 10, windowSize: windowSize))
        return nil
    } catch {
        return error.text
    }
}

@Suite struct EndpointTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory("qm-end") }

    private func expectOurs(_ number: DescriptorNumber) {
        #expect(number.rawValue >= ChildImage.lowestSource, "out of the way of the children's fixed numbers")
        #expect(fcntl(number.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(fcntl(number.rawValue, F_GETFL) & O_NONBLOCK != 0)
    }

    private func option(_ number: DescriptorNumber, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(4)
        getsockopt(number.rawValue, SOL_SOCKET, name, &value, &size)
        return value
    }

    @Test("a stream socket listens for all users", arguments: [Transport.unix, .pass])
    func streamSocket(_ type: Transport) throws {
        let path = home.file("stream")
        let made = try Endpoint.make(.path(path, type), .init(backlog: 10))
        let numbers = made.numbers
        #expect(numbers.count == 1)
        expectOurs(numbers[0])
        #expect(option(numbers[0], SO_ACCEPTCONN) == 1)
        #expect(option(numbers[0], SO_TYPE) == Int32(SOCK_STREAM.rawValue))
        let found = try facts(ofPath: path)
        #expect(found.kind == .socket)
        #expect(found.mode & 0o777 == 0o666)
    }

    @Test(
        "a listener that turns clients away and lets them in again is bound to the interface to which it was",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can take a socket back from an interface"),
        arguments: [Int32(0), 1]
    )
    func refusal(_ interface: Int32) throws {
        let address = SocketAddress(ipv4: [127, 0, 0, 1], port: try FreePort.next())
        let made = try Endpoint.make(.inet([address]), .init(backlog: 10))
        let number = made.numbers[0]
        try number.setOption(.boundInterface, interface)
        let service = RunningService(plan("x", .inet, .inet([address])), listeners: made, channel: nil)
        let owner = MailOwner(try #require(try userAccount(uid: geteuid())))
        let log = Log(ident: "test", host: nil, destination: .standardError, waits: false)
        func connect() throws {
            let client = try makeSocket(.ipv4, .stream)
            try client.number.connect(to: address)
            withExtendedLifetime(client) {}
        }
        for _ in 0..<2 { try service.refuseClients(owner, log) }
        #expect(service.isRefusing)
        #expect(throws: SystemError(.connect, .connectionRefused)) {
            try connect()
        }
        #expect(try service.admitClients(owner, log))
        #expect(!service.isRefusing)
        #expect(try number.option(.boundInterface) == interface)
        try connect()
    }

    @Test("a datagram socket is open to all users")
    func datagramSocket() throws {
        let path = home.file("datagram")
        let made = try Endpoint.make(.path(path, .unixDatagram), .init(backlog: 10))
        expectOurs(made.numbers[0])
        #expect(option(made.numbers[0], SO_TYPE) == Int32(SOCK_DGRAM.rawValue))
        #expect(try facts(ofPath: path).mode & 0o777 == 0o666)
    }

    @Test("a FIFO is empty and never ends")
    func fifo() throws {
        let path = home.file("fifo")
        let made = try Endpoint.make(.path(path, .fifo), .init(backlog: 10))
        let number = made.numbers[0]
        expectOurs(number)
        let found = try facts(ofPath: path)
        #expect(found.kind == .fifo)
        #expect(found.mode & 0o777 == 0o622)
        #expect(try !number.waitForInput(milliseconds: 0))
        let writer = try openFile(path, [.writeOnly, .nonBlocking])
        _ = try writer.number.write([UInt8(ascii: "W")])
        #expect(try number.waitForInput(milliseconds: 90_000))
        #expect(try number.read(atMost: 10) == [UInt8(ascii: "W")])
        _ = consume writer
        #expect(try !number.waitForInput(milliseconds: 0), "the last writer's end is not the FIFO's")
    }

    @Test("what is in the way is replaced", arguments: [Transport.unix, .unixDatagram, .fifo])
    func inTheWay(_ type: Transport) throws {
        let path = try home.write("old", to: "endpoint")
        _ = try Endpoint.make(.path(path, type), .init(backlog: 10))
        #expect(try facts(ofPath: path).kind == (type == .fifo ? .fifo : .socket))
        #expect(failure(.path(path, type)) == nil, "again, over its own kind")
    }

    @Test("inet listens on every address")
    func inet() throws {
        let port = try HeldPort()
        let addresses = [port.onLoopback, SocketAddress(ipv4: [127, 0, 0, 2], port: port.number)]
        let made = try Endpoint.make(.inet(addresses), .init(backlog: 10, windowSize: 65536))
        let numbers = made.numbers
        #expect(numbers.count == 2)
        for (number, address) in zip(numbers, addresses) {
            expectOurs(number)
            #expect(try number.name(ofPeer: false) == address)
            #expect(option(number, SO_ACCEPTCONN) == 1)
            #expect(option(number, SO_REUSEADDR) == 1)
            #expect(option(number, SO_REUSEPORT) == 1)
            // The kernel doubles what it is told.
            #expect(option(number, SO_RCVBUF) == 131_072)
        }
    }

    @Test(
        "the IPv6 wildcard leaves that of IPv4 free",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6")
    )
    func wildcards() throws {
        let port = try HeldPort()
        let wildcards = [
            SocketAddress(ipv4: [0, 0, 0, 0], port: port.number),
            SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: port.number),
        ]
        let made = try Endpoint.make(.inet(wildcards), .init(backlog: 10))
        #expect(made.count == 2)
    }

    @Test("a port in use is a failure, for a probe too")
    func portInUse() throws {
        let foreign = try makeSocket(.ipv4, .stream)
        try foreign.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try foreign.number.listen(backlog: 1)
        let name = try foreign.number.name(ofPeer: false)
        let address = try #require(name)
        let port = address.port
        #expect(failure(.inet([address])) == "bind 127.0.0.1 port \(port): Address already in use")
        do throws(EndpointFailure) {
            try Endpoint.probe(.inet([address]))
            Issue.record("probed")
        } catch { #expect(error.text == "bind 127.0.0.1 port \(port): Address already in use") }
        _ = consume foreign
        // A child that another test is just starting shares the socket until its exec.
        #expect(eventually { (try? Endpoint.probe(.inet([address]))) != nil })
    }

    @Test("probing does not listen")
    func probe() throws {
        let port = try HeldPort()
        let address = port.onLoopback
        let ours = try Endpoint.make(.inet([address]), .init(backlog: 10))
        try Endpoint.probe(.inet([address]))
        let client = try makeSocket(.ipv4, .stream)
        try client.number.connect(to: address)
        #expect(try ours.numbers[0].waitForInput(milliseconds: 90_000))
        switch try ours.numbers[0].accept() {
        case .client: break
        case .nothing: Issue.record("the probe got the client")
        }
    }

    @Test("a path that cannot be is told with what was tried")
    func badPaths() throws {
        let long = home.file(String(repeating: "x", count: 100))
        #expect(failure(.path(long, .unix)) == "unix-domain name too long: \(long)")
        #expect(failure(.path(long, .unixDatagram)) == "unix_dgram_listen: unix-domain name too long: \(long)")
        let lost = home.file("none/x")
        #expect(failure(.path(lost, .unix)) == "bind: \(lost): No such file or directory")
        #expect(failure(.path(lost, .unixDatagram)) == "bind: \(lost): No such file or directory")
        #expect(failure(.path(lost, .fifo)) == "fifo_listen: create fifo \(lost): No such file or directory")
        let directory = home.file("dir")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        #expect(failure(.path(directory, .unix)) == "remove \(directory): Is a directory")
        #expect(failure(.path(directory, .fifo)) == "fifo_listen: remove \(directory): Is a directory")
    }

    @Test("the errors of the kernel have their texts")
    func kernelErrors() async {
        await #expect(processExitsWith: .success) {
            let home = try TemporaryDirectory("qm-end")
            let port = try HeldPort()
            let address = port.onLoopback
            let path = home.file("x")
            let cases: [(SystemCall, Int, EndpointPlan, String)] = [
                (.socket, 0, .inet([address]), "socket"),
                (.setsockopt, 0, .inet([address]), "setsockopt(SO_REUSEADDR)"),
                (.setsockopt, 1, .inet([address]), "setsockopt(SO_REUSEPORT)"),
                (.setsockopt, 2, .inet([address]), "setsockopt(SO_SNDBUF)"),
                (.setsockopt, 3, .inet([address]), "setsockopt(SO_RCVBUF)"),
                (.listen, 0, .inet([address]), "listen"),
                (.socket, 0, .path(path, .unix), "socket"),
                (.chmod, 0, .path(path, .unix), "chmod socket \(path)"),
                (.listen, 0, .path(path, .pass), "listen"),
                (.socket, 0, .path(path, .unixDatagram), "unix_dgram_listen: socket"),
                (.open, 0, .path(path, .fifo), "fifo_listen: open \(path)"),
                (.fstat, 0, .path(path, .fifo), "fifo_listen: fstat \(path)"),
                (.fchmod, 0, .path(path, .fifo), "fifo_listen: fchmod \(path)"),
            ]
            for (call, passing, plan, text) in cases {
                FaultPlan.fail(call, with: .noBufferSpace, afterPassing: passing)
                #expect(failure(plan, windowSize: 1024) == "\(text): No buffer space available")
                FaultPlan.clear()
                #expect((try? facts(ofPath: path)) == nil, "no file is left of it: \(text)")
                #expect(failure(plan, windowSize: 1024) == nil, "nothing is left of the failure: \(text)")
                try removeFile(path)
            }
        }
    }
}
