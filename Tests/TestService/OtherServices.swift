//===----------------------------------------------------------------------===//
// Quartermaster: services with other demands
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Echoes; each client costs a token.
struct FlowService: StreamService {
    static let demands: ServiceDemands = .inFlowDelay

    init(_ context: inout ServiceContext) {}

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        reply.append(input)
        return input.byteCount
    }
}

/// Wants to be replaced as soon as there is work.
struct RetiringService: StreamService {
    init(_ context: inout ServiceContext) {}

    mutating func willAccept() -> AcceptDecision { .retire("table has changed -- restarting") }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int { input.byteCount }
}

/// Reads and writes as if there were one client only.
struct BlockingService: BlockingStreamService {
    init(_ context: inout ServiceContext) {}

    mutating func clientArrived(_ client: inout BlockingClient) {
        try? client.write(Array("hello\n".utf8).span.bytes)
    }

    mutating func serve(_ client: inout BlockingClient) {
        var bytes = [UInt8](repeating: 0, count: 256)
        var span = bytes.mutableSpan
        var room = span.mutableBytes
        guard let count = try? client.read(into: &room), count > 0 else { return }
        if bytes.first == UInt8(ascii: "q") { return client.disconnect() }
        try? client.write(bytes.span.bytes.extracting(0..<count))
    }
}

/// Logs how many datagrams came, and the last one.
struct DatagramCounter: DatagramService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func received(_ datagrams: inout Datagrams) {
        let last = datagrams.count - 1
        log.info("received \(datagrams.count): \(datagrams.text(last))\(datagrams.isTruncated(last) ? " cut" : "")")
    }
}
