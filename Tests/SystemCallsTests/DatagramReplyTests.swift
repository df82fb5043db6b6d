//===----------------------------------------------------------------------===//
// Quartermaster: tests of senders, and of many answers with one system call
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import Foundation
import SystemCalls
import TestSupport
import Testing

@Suite struct DatagramReplyTests {
    private func socket(_ address: SocketAddress) throws -> Descriptor {
        let socket = try makeSocket(address.family, .datagram)
        try socket.number.bind(to: address)
        if address.isWildcard { try socket.number.tellDestinations(address.family) }
        try socket.number.setNonBlocking(true)
        return socket
    }

    private func port(_ number: DescriptorNumber) throws -> UInt16 {
        let name = try number.name(ofPeer: false)
        return try #require(name).port
    }

    private func expect(_ count: Int, in batch: inout DatagramBatch, from number: DescriptorNumber) throws {
        let found = try batch.receive(from: number)
        #expect(found == count)
    }

    private static var anyPort: SocketAddress { SocketAddress(ipv4: [0, 0, 0, 0], port: 0) }

    private func text(_ body: (inout AppendBuffer) -> Bool) -> String {
        var buffer = AppendBuffer(capacity: 200)
        let isAppended = body(&buffer)
        #expect(isAppended)
        return String(decoding: buffer.bytes.withUnsafeBytes { Array($0) }, as: UTF8.self)
    }

    @Test("a sender is known by its address, and answers leave from the address that it has asked")
    func origins() throws {
        let server = try socket(Self.anyPort)
        let peers = try ["127.0.0.1", "127.0.0.2"].map { try DatagramPeer($0, port: port(server.number)) }
        for peer in peers { for _ in 0..<2 { peer.send("question") } }
        var batch = DatagramBatch(capacity: 8, datagramSize: 64, keepsOrigins: true)
        try expect(4, in: &batch, from: server.number)
        let origins = (0..<4).compactMap { batch.origin($0) }
        try #require(origins.count == 4)
        #expect(origins[0] == origins[1] && origins[2] == origins[3] && origins[0] != origins[2])
        #expect(Set(origins).count == 2)
        #expect(origins[0].family == .ipv4 && origins[0].port == peers[0].port)
        #expect(text { origins[0].appendHost(to: &$0) } == "127.0.0.1")
        #expect(origins[0].address == SocketAddress(ipv4: [127, 0, 0, 1], port: peers[0].port))
        var replies = DatagramReplies(capacity: 3, datagramSize: 64)
        for (index, origin) in origins.enumerated() {
            replies.append(Array("answer \(index)".utf8).span.bytes, to: origin)
        }
        let left = replies.count
        #expect(left == 1, "a full batch was sent already")
        replies.send()
        let (bytes, losses) = (replies.takeSentBytes(), replies.takeLosses())
        let rest = replies.count
        #expect(rest == 0 && bytes == 32 && losses == nil)
        for (peer, host, first) in [(peers[0], "127.0.0.1", 0), (peers[1], "127.0.0.2", 2)] {
            #expect(peer.receive() == DatagramPeer.Answer(text: "answer \(first)", host: host))
            #expect(peer.receive() == DatagramPeer.Answer(text: "answer \(first + 1)", host: host))
        }
    }

    @Test("the room for addresses is whole again with each batch")
    func rearmed() throws {
        let home = try TemporaryDirectory("qm-origin")
        let address = try #require(SocketAddress(unixPath: home.file("server")))
        let server = try socket(address)
        let short = try DatagramPeer(path: home.file("server"), own: home.file("a"))
        let long = try DatagramPeer(path: home.file("server"), own: home.file(String(repeating: "l", count: 40)))
        let none = try DatagramPeer(path: home.file("server"), own: nil)
        var batch = DatagramBatch(capacity: 8, datagramSize: 64, keepsOrigins: true)
        for _ in 0..<2 {
            for peer in [short, long, none] { #expect(peer.send("x") == 0) }
            try expect(3, in: &batch, from: server.number)
            let (nearer, farther, nobody) = (batch.origin(0), batch.origin(1), batch.origin(2))
            let (first, second) = (try #require(nearer), try #require(farther))
            #expect(text { first.appendHost(to: &$0) } == home.file("a"))
            #expect(text { second.appendHost(to: &$0) } == home.file(String(repeating: "l", count: 40)))
            #expect(first.family == .unix && first.port == 0)
            #expect(nobody == nil, "it cannot be answered")
            // The longer one first.
            #expect(long.send("y") == 0)
            try expect(1, in: &batch, from: server.number)
        }
        for (name, shown) in [("qm-abstract", "@qm-abstract"), ("a", "@a")] {
            let address = try #require(SocketAddress(abstractName: name))
            let origin = try #require(DatagramOrigin(address, socket: server.number))
            #expect(text { origin.appendHost(to: &$0) } == shown)
        }
    }

    @Test("hosts are written as others write them", arguments: ["192.0.2.255", "2001:db8::1", "::1", "::"])
    func hosts(_ host: String) throws {
        let address = try #require(SocketAddress(numeric: host, port: 53))
        let origin = try #require(DatagramOrigin(address, socket: DescriptorNumber(0)))
        #expect(text { origin.appendHost(to: &$0) } == host)
        #expect(origin.port == 53 && origin.address == address)
        var small = AppendBuffer(capacity: 1)
        let isAppended = origin.appendHost(to: &small)
        #expect(!isAppended, "no room")
    }

    @Test("what cannot be sent is counted, and does not keep the others from being sent")
    func losses() throws {
        let server = try socket(Self.anyPort)
        let peer = try DatagramPeer(port: port(server.number))
        peer.send("question")
        var batch = DatagramBatch(capacity: 8, datagramSize: 64, keepsOrigins: true)
        try expect(1, in: &batch, from: server.number)
        let origin = batch.origin(0)
        let good = try #require(origin)
        let noPort = try #require(DatagramOrigin(SocketAddress(ipv4: [127, 0, 0, 1], port: 0), socket: server.number))
        var replies = DatagramReplies(capacity: 8, datagramSize: 65_600)
        let answer = Array("answer".utf8)
        replies.append(answer.span.bytes, to: noPort)
        replies.append(answer.span.bytes, to: good)
        replies.append([UInt8](repeating: 0, count: 65_600).span.bytes, to: good)
        replies.append(answer.span.bytes, to: good)
        replies.send()
        let counted = replies.takeLosses()
        let losses = try #require(counted)
        #expect(losses.count == 2 && losses.reason == .messageTooLong && losses.origin == good)
        let rest = replies.takeLosses()
        #expect(rest == nil)
        let bytes = replies.takeSentBytes()
        #expect(bytes == 12)
        for _ in 0..<2 { #expect(peer.receive()?.text == "answer") }
    }

    @Test("a shortage of memory may be over at the second try, and is a loss after it", arguments: [1, 2])
    func shortage(_ times: Int) async {
        await #expect(processExitsWith: .success) { [times] in
            let server = try makeSocket(.ipv4, .datagram)
            try server.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
            let name = try #require(try server.number.name(ofPeer: false))
            let origin = try #require(DatagramOrigin(name, socket: server.number))
            var replies = DatagramReplies(capacity: 8, datagramSize: 8)
            FaultPlan.fail(.sendmmsg, with: .noBufferSpace, times: times)
            for _ in 0..<3 { replies.append(Array("x".utf8).span.bytes, to: origin) }
            replies.send()
            let losses = replies.takeLosses()
            #expect(losses?.count ?? 0 == times - 1)
            let bytes = replies.takeSentBytes()
            #expect(bytes == 4 - times)
        }
    }

    @Test("a socket that is connected to itself turns senders away, keeps what waits, and answers")
    func closedToSenders() throws {
        let server = try socket(Self.anyPort)
        let port = try port(server.number)
        let early = try DatagramPeer("127.0.0.2", port: port)
        early.send("early")
        let name = try server.number.name(ofPeer: false)
        try server.number.connect(to: #require(name))
        let late = try DatagramPeer(port: port, isConnected: true)
        late.send("late")
        #expect(late.pendingError() == ECONNREFUSED)
        var batch = DatagramBatch(capacity: 8, datagramSize: 64, keepsOrigins: true)
        try expect(1, in: &batch, from: server.number)
        var replies = DatagramReplies(capacity: 8, datagramSize: 64)
        let origin = batch.origin(0)
        replies.append(batch[0], to: try #require(origin))
        replies.send()
        #expect(early.receive() == DatagramPeer.Answer(text: "early", host: "127.0.0.2"))
        try server.number.disconnect()
        let again = try server.number.name(ofPeer: false)
        #expect(again == SocketAddress(ipv4: [0, 0, 0, 0], port: port), "all addresses again")
        for host in ["127.0.0.1", "127.0.0.3"] { try DatagramPeer(host, port: port).send("now") }
        try expect(2, in: &batch, from: server.number)
    }
}
