//===----------------------------------------------------------------------===//
// Quartermaster: tests of the sockets of udp services
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Foundation
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// A UDP port of this machine that nobody has.
private func freePort() throws -> UInt16 {
    let socket = try makeSocket(.ipv4, .datagram)
    try socket.number.bind(to: SocketAddress(ipv4: [0, 0, 0, 0], port: 0))
    let name = try socket.number.name(ofPeer: false)
    return try #require(name).port
}

private func received(_ number: DescriptorNumber) throws -> String? {
    guard try number.waitForInput(milliseconds: 0) else { return nil }
    return try number.read(atMost: 100).map { String(decoding: $0, as: UTF8.self) }
}

@Suite("The sockets of udp services") struct DatagramEndpointTests {
    private let log = Log(ident: "test", host: nil, destination: .standardError, waits: false)
    private let loopback: SocketAddress
    private let wildcard: SocketAddress

    init() throws {
        let port = try freePort()
        loopback = SocketAddress(ipv4: [127, 0, 0, 1], port: port)
        wildcard = SocketAddress(ipv4: [0, 0, 0, 0], port: port)
    }

    private func service(_ addresses: [SocketAddress], bytes: Int = 0) throws -> RunningService {
        try RunningService.make(udpPlan(addresses, bytes: bytes), owner: owner(), settings(), log)
    }

    private func udpPlan(_ addresses: [SocketAddress], bytes: Int = 0) -> ServicePlan {
        var plan = plan("x", .udp, .udp(addresses), canonical: "7")
        plan.settings.receiveBuffer = bytes
        return plan
    }

    private func owner() throws -> MailOwner { MailOwner(try #require(try userAccount(uid: geteuid()))) }

    @Test("a socket is ours, waits for nothing, and nobody else can take its address")
    func options() throws {
        let service = try service([wildcard])
        let number = service.listeners.numbers[0]
        #expect(number.rawValue >= ChildImage.lowestSource)
        #expect(fcntl(number.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(fcntl(number.rawValue, F_GETFL) & O_NONBLOCK != 0)
        #expect(try number.socketKind() == .datagram)
        #expect(try number.option(.reuseAddress) == 0)
        let thief = try makeSocket(.ipv4, .datagram)
        try thief.number.setOption(.reuseAddress, 1)
        #expect(throws: SystemError(.bind, .addressInUse)) { try thief.number.bind(to: loopback) }
        var tells: Int32 = 0
        var size = socklen_t(4)
        #expect(getsockopt(number.rawValue, Int32(IPPROTO_IP), IP_PKTINFO, &tells, &size) == 0 && tells == 1)
    }

    @Test("a port that another program has is named")
    func portInUse() throws {
        let foreign = try makeSocket(.ipv4, .datagram)
        try foreign.number.bind(to: loopback)
        for attempt in [{ _ = try Endpoint.make(.udp([loopback]), .init()) }, { try Endpoint.probe(.udp([loopback])) }]
        {
            let failure = #expect(throws: EndpointFailure.self) { try attempt() }
            #expect(failure?.text == "bind 127.0.0.1 port \(loopback.port): Address already in use")
        }
        withExtendedLifetime(foreign) {}
    }

    @Test("a check takes nothing that is meant for the service")
    func probe() throws {
        let service = try service([loopback])
        let peer = try DatagramPeer(port: loopback.port)
        for number in 0..<200 {
            let probing = try Endpoint.bound(to: loopback, .datagram, receives: false)
            peer.send("\(number)")
            #expect(try received(service.listeners.numbers[0]) == "\(number)")
            withExtendedLifetime(probing) {}
        }
        try Endpoint.probe(.udp([loopback]))
    }

    @Test("senders are turned away, and let in again, by who is root and who is not")
    func refusal() throws {
        let service = try service([loopback, SocketAddress(ipv4: [127, 0, 0, 2], port: loopback.port)])
        let owner = try owner()
        let early = try DatagramPeer(port: loopback.port)
        early.send("early")
        for _ in 0..<2 { try service.refuseClients(owner, log) }
        #expect(service.isRefusing)
        for host in ["127.0.0.1", "127.0.0.2"] {
            let late = try DatagramPeer(host, port: loopback.port, isConnected: true)
            late.send("late")
            #expect(late.pendingError() == ECONNREFUSED)
        }
        #expect(try received(service.listeners.numbers[0]) == "early", "what waits stays")
        #expect(try service.admitClients(owner, log))
        #expect(!service.isRefusing)
        early.send("again")
        #expect(try received(service.listeners.numbers[0]) == "again")
    }

    @Test("of addresses that change, those that stay keep what waits, and those that go do as well")
    func relocation() throws {
        let (second, third) = (
            SocketAddress(ipv4: [127, 0, 0, 2], port: loopback.port),
            SocketAddress(ipv4: [127, 0, 0, 3], port: loopback.port)
        )
        let service = try service([loopback, second])
        let peers = try ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map { try DatagramPeer($0, port: loopback.port) }
        for (index, peer) in peers.enumerated() { peer.send("before \(index)") }
        let plan = udpPlan([loopback, third])
        let relocation = try #require(try Relocation(of: service, to: plan, settings()))
        #expect(relocation.added == [third] && relocation.removed == [second])
        try relocation.open()
        service.take(relocation)
        #expect(service.outgoingCount == 1 && service.listeners.count == 3)
        for (index, peer) in peers.enumerated() { peer.send("after \(index)") }
        let numbers = service.listeners.numbers
        let found = try numbers.map { number in
            var texts: [String] = []
            while let text = try received(number) { texts.append(text) }
            return texts
        }
        #expect(found == [["before 0", "after 0"], ["after 2"], ["before 1"]])
        let other = try DatagramPeer("127.0.0.2", port: loopback.port, isConnected: true)
        other.send("late")
        #expect(other.pendingError() == ECONNREFUSED)
        #expect(try Relocation(of: service, to: self.udpPlan([loopback, second]), settings()) == nil, "the same plan")
    }

    @Test("the receive buffer is what was asked for, or a warning says what it is")
    func receiveBuffer() throws {
        let service = try service([loopback], bytes: 3000)
        #expect(try service.listeners.numbers[0].option(.receiveBuffer) == 6000)
        #expect(service.plan.shortBuffer(of: service.listeners.numbers) == nil)
        let plan = udpPlan([loopback], bytes: 4000)
        #expect(plan.shortBuffer(of: service.listeners.numbers) == 3000)
        let problem = plan.problemOfBuffer(3000, settings())
        #expect(problem.text == "service x: its receive buffer is of 3000 bytes instead of 4000")
        #expect(problem.severity == .warning && problem.cure?.contains("net.core.rmem_max") == true)
    }

    @Test("what waits, and what was dropped, is told as far as it can be")
    func counting() throws {
        let service = try service([loopback], bytes: 3000)
        let peer = try DatagramPeer(port: loopback.port)
        var counter = ClientCounter()
        #expect(counter.census(of: service.listeners, service.plan.endpoint).waiting == 0)
        #expect(counter.waiting(at: service.listeners, service.plan.endpoint) == 0)
        peer.send("x")
        var count = counter.census(of: service.listeners, service.plan.endpoint)
        #expect(count.waiting == 1 && count.room == 6000 && count.turnedAway == 0)
        for _ in 0..<100 { peer.send("x") }
        count = counter.census(of: service.listeners, service.plan.endpoint)
        #expect(count.waiting == 1 && count.turnedAway > 50 && count.turnedAway < 101)
        #expect(counter.waiting(at: service.listeners, service.plan.endpoint) == 0, "one process takes them in crowds")
    }

    // MARK: from a service manager

    @Test("a UDP socket that was handed over is one, of all addresses even if it was left turning senders away")
    func offeredForm() throws {
        let socket = try makeSocket(.ipv4, .datagram)
        try socket.number.bind(to: wildcard)
        #expect(OfferedForm(of: socket.number) == .udp(wildcard, takesIPv4: true))
        let name = try socket.number.name(ofPeer: false)
        try socket.number.connect(to: #require(name))
        #expect(OfferedForm(of: socket.number) == .udp(wildcard, takesIPv4: true))
        try socket.number.connect(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 9))
        #expect(OfferedForm(of: socket.number) == .useless("a UDP socket that is connected to 127.0.0.1 port 9"))
        #expect(OfferedForm.udp(wildcard, takesIPv4: true).text == "0.0.0.0 UDP port \(wildcard.port)")
    }

    @Test("a udp service adopts UDP sockets, and an inet service of the same port none of them")
    func matching() {
        let (v4, v6) = (wildcard, SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: wildcard.port))
        func sources(_ type: Transport, _ offers: [(name: String, form: OfferedForm)]) -> [SocketSource]? {
            OfferMatching.sources(of: plan("dns", type, .addresses([v4, v6], type)), queueDirectory: "/q", offers)
        }
        let both: [(name: String, form: OfferedForm)] = [
            ("", .inet(v4, takesIPv4: true)), ("", .udp(v4, takesIPv4: true)), ("", .udp(v6, takesIPv4: false)),
        ]
        #expect(sources(.udp, both) == [.offered(1), .offered(2)])
        #expect(sources(.inet, both) == [.offered(0), .made(v6)])
        let named: [(name: String, form: OfferedForm)] = [
            ("dns", .inet(v4, takesIPv4: true)), ("dns/udp", .udp(v6, takesIPv4: true)),
        ]
        #expect(sources(.udp, named) == [.offered(1)])
        #expect(sources(.udp, [("", .inet(v4, takesIPv4: true))]) == nil)
    }

    // MARK: texts and states

    @Test("a plan is the same for the next program")
    func coding() throws {
        let udp = udpPlan([loopback, wildcard], bytes: 77)
        var (writer, written) = (StateWriter(mark: 1), udp)
        try written.code(with: &writer)
        var reader = try StateReader(writer.sealed, mark: 1)
        var read = ServicePlan.blank
        try read.code(with: &reader)
        #expect(read == udp && reader.isAtEnd)
    }

    @Test("an overflow is told of in datagrams and bytes")
    func notes() {
        func lines(_ note: PolicyNote) -> [String] {
            note.text { _ in plan("x", .udp, .udp([]), canonical: "7") }.map(\.text)
        }
        let id = ServiceID(index: 0, generation: 1)
        let cure =
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client"
        #expect(
            lines(.processLimit(id, limit: 3, waiting: 1))
                == ["service \"x\" (7) has reached its process limit \"3\": datagrams wait", cure]
        )
        let because = "dropped, because the receive buffer of 9 bytes was full"
        let longer = cure + "; a larger buffer has more room: master_receive_buffer in main.cf"
        for (times, text) in [(UInt64(1), "1 datagram was"), (70, "70 datagrams were")] {
            #expect(
                lines(.queueOverflowed(id, times: times, room: 9)) == ["service \"x\" (7): \(text) \(because)", longer]
            )
        }
    }

    @Test("the name of a port is looked up for UDP, by another process, too")
    func names() throws {
        let book = NameBook(.noting)
        #expect(book.udpPort(named: "tftp") == nil && book.open == [.udpPort("tftp")])
        let question = try #require(NameQuestion(decoding: NameQuestion.udpPort("tftp").encoded.split(separator: " ")))
        #expect(question == .udpPort("tftp"))
        #expect(book.add(line: "\(question.encoded) port 69") == .taken)
        #expect(book.udpPort(named: "tftp") == 69)
    }
}
