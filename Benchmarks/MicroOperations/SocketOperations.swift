//===----------------------------------------------------------------------===//
// Quartermaster: accepting clients, and batches of datagrams
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import Events
import FixedMemory
import SystemCalls

extension Comparison {
    static var sockets: [Comparison] {
        let clients = CPEERS_ACCEPT_BUDGET
        return [
            Comparison("accept-\(clients)", times: 20, isPreparedEachTime: true) {
                OurWorkload(try Clients(clients, areWatched: false))
            } peer: {
                PeerWorkload(CPEERS_ACCEPT, size: clients)
            },
            Comparison("connection-\(clients)", times: 20, isPreparedEachTime: true) {
                OurWorkload(try Clients(clients, areWatched: true))
            } peer: {
                PeerWorkload(CPEERS_CONNECTION, size: clients)
            },
            Comparison("datagrams-10", times: 100, isPreparedEachTime: true) {
                OurWorkload(DatagramTurn(10, areWritten: false))
            } peer: {
                PeerWorkload(CPEERS_DATAGRAMS, size: 10)
            },
            Comparison("datagram-lines-10", times: 100, isPreparedEachTime: true) {
                OurWorkload(DatagramTurn(10, areWritten: true))
            } peer: {
                PeerWorkload(CPEERS_DATAGRAM_LINES, size: 10)
            },
        ]
    }
}

/// A turn finds the listener readable and takes the clients that wait. Either each is closed at once, or all are
/// watched for input first, as a skeleton does it, and then taken leave of.
private struct Clients: ~Copyable, Subject {
    private struct Connection: ~Copyable {
        let descriptor: Descriptor
        let reading: WatchID
    }

    private let areWatched: Bool
    private let listener: Descriptor
    private var loop: EventLoop
    private let count: Int
    private var ends: OpenDescriptors
    private var connections: Slab<Connection>
    private var taken: [SlotID]

    init(_ count: Int, areWatched: Bool) throws(SystemError) {
        let listener = Descriptor(owning: DescriptorNumber(cpeers_listener(CInt(count))))
        var loop = try EventLoop(capacity: count + 1)
        _ = try loop.watch(listener.number, for: .readable, token: EventToken(kind: 1))
        self.count = count
        self.areWatched = areWatched
        self.listener = listener
        self.loop = loop
        ends = OpenDescriptors([])
        connections = Slab(capacity: count)
        taken = []
        taken.reserveCapacity(count)
    }

    mutating func prepare() {
        var numbers = [CInt](repeating: -1, count: count)
        let listener = self.listener.number.rawValue
        unsafe numbers.withUnsafeMutableBufferPointer { unsafe cpeers_connect(listener, $0.baseAddress!, Int64(count)) }
        ends = OpenDescriptors(numbers)
    }

    mutating func run(_ times: Int) throws(SystemError) -> Int {
        var accepted = 0
        for _ in 0..<times {
            try loop.turn(waitingAtMost: 0)
            while let occurrence = loop.next() {
                if occurrence.token.kind == 1 { accepted += try accept() }
            }
        }
        return accepted
    }

    private mutating func accept() throws(SystemError) -> Int {
        var accepted = 0
        let listener = self.listener.number
        accepting: while accepted < count {
            switch try listener.accept() {
            case .client(let descriptor):
                if areWatched { try watch(descriptor) }
                accepted += 1
            case .nothing: break accepting
            }
        }
        takeLeave()
        return accepted
    }

    private mutating func watch(_ descriptor: consuming Descriptor) throws(SystemError) {
        let reading = try loop.watch(descriptor.number, for: .readable, token: EventToken(kind: 2))
        guard let slot = connections.insert(Connection(descriptor: descriptor, reading: reading)) else { return }
        taken.append(slot)
    }

    private mutating func takeLeave() {
        for slot in taken {
            guard let connection = connections.remove(slot) else { continue }
            loop.remove(connection.reading)
        }
        taken.removeAll(keepingCapacity: true)
    }
}

/// A batch is received and each datagram looked at, or the batch is written out, a line each.
private struct DatagramTurn: ~Copyable, Subject {
    private let count: Int
    private let areWritten: Bool
    private let receiver: Descriptor
    private let sender: Descriptor
    private let sink: Descriptor
    private var batch = DatagramBatch(capacity: 12, datagramSize: CPEERS_DATAGRAM_ROOM)

    init(_ count: Int, areWritten: Bool) {
        var pair: [CInt] = [-1, -1]
        unsafe pair.withUnsafeMutableBufferPointer { unsafe cpeers_datagram_pair($0.baseAddress!) }
        receiver = Descriptor(owning: DescriptorNumber(pair[0]))
        sender = Descriptor(owning: DescriptorNumber(pair[1]))
        sink = Descriptor(owning: DescriptorNumber(cpeers_open_sink()))
        self.count = count
        self.areWritten = areWritten
    }

    mutating func prepare() { cpeers_send_datagrams(sender.number.rawValue, Int64(count)) }

    mutating func run(_ times: Int) throws(SystemError) -> Int {
        var sum = 0
        for _ in 0..<times {
            let received = try batch.receive(from: receiver.number)
            if areWritten {
                try batch.writeLines(to: sink.number)
                sum += received
            } else {
                for index in 0..<received {
                    let datagram = batch[index]
                    sum += datagram.byteCount + Int(datagram.rawByte(at: 0))
                }
            }
        }
        return sum
    }
}
