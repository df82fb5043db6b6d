//===----------------------------------------------------------------------===//
// Quartermaster: an event service whose own code allocates nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton

/// Each byte is a request for one of the things that an event service does; each is answered with the byte.
struct LeanEventService: EventService {
    struct Peer {
        var timer: TimerID?
        /// Who asked for this connection of ours.
        var asker: ClientID?
    }
    typealias ClientState = Peer

    private let upstream = NetworkAddress(unixPath: "upstream")
    private var pipe: (read: Int32, write: Int32) = (-1, -1)
    private var watch: DescriptorWatch?
    private var reader: ClientID?
    private let requests: ServiceCounter
    private let latest: ServiceGauge
    private let sizes: ServiceSummary
    private var bulk = [UInt8](repeating: UInt8(ascii: "."), count: 100_000)

    init(_ context: inout ServiceContext) {
        requests = context.counter("requests")
        latest = context.gauge("latest")
        sizes = context.meters.summary("size")
        var ends: [Int32] = [-1, -1]
        if Glibc.pipe(&ends) == 0 { pipe = (ends[0], ends[1]) }
    }

    mutating func started(_ handle: inout Handle) {
        watch = try? handle.watch(pipe.read, for: .reading, tag: 0)
    }

    mutating func clientArrived(_ client: Client, _ handle: inout Handle) -> Peer {
        Peer(timer: handle.makeTimer(tag: client.id.number))
    }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout Handle) -> Int {
        guard let timer = handle[client].timer else { return 1 }
        let request = input.byte(at: 0)
        requests.add()
        latest.set(Double(request))
        sizes.record(Double(input.byteCount))
        switch request {
        case UInt8(ascii: "t"): handle.arm(timer, milliseconds: 1)
        case UInt8(ascii: "c"):
            handle.arm(timer, every: 1000)
            handle.cancel(timer)
            handle[to: client].append("c")
        case UInt8(ascii: "a"):
            var next = handle.client(after: nil)
            while let other = next {
                _ = handle.send(input.extracting(0..<1), to: other)
                next = handle.client(after: other)
            }
        case UInt8(ascii: "p"):
            handle.pauseReading(client)
            handle.arm(timer, milliseconds: 1)
        case UInt8(ascii: "b"):
            // More than fits: what does not wait is told.
            _ = handle.send(bulk.span.bytes, to: client)
            _ = handle.send(bulk.span.bytes, to: client)
            _ = handle.send(bulk.span.bytes, to: client)
        case UInt8(ascii: "d"):
            reader = client
            var byte = request
            _ = write(pipe.write, &byte, 1)
        case UInt8(ascii: "o"): connect(client, &handle)
        default: handle[to: client].append(input.extracting(0..<1))
        }
        return 1
    }

    mutating func timerFired(_ timer: TimerID, _ handle: inout Handle) {
        let client = ClientID(number: timer.tag)
        handle.resumeReading(client)
        handle[to: client].append("t")
    }

    mutating func descriptorReady(_ watch: DescriptorWatch, _ handle: inout Handle) {
        var byte: UInt8 = 0
        guard read(watch.descriptor, &byte, 1) == 1, let reader else { return }
        handle.pause(watch)
        handle.resume(watch)
        handle[to: reader].append("d")
    }

    private func connect(_ asker: ClientID, _ handle: inout Handle) {
        guard let upstream else { return }
        _ = try? handle.connect(to: upstream, within: 30_000, state: Peer(asker: asker))
    }

    mutating func connected(_ connection: ClientID, _ handle: inout Handle) { handle.disconnectWhenSent(connection) }

    mutating func clientLeft(
        _ client: ClientID,
        _ state: consuming Peer,
        _ reason: Departure,
        _ handle: inout Handle
    ) {
        if let timer = state.timer { handle.remove(timer) }
        if let asker = state.asker { handle[to: asker].append("o") }
    }
}
