//===----------------------------------------------------------------------===//
// Quartermaster: services with other demands
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

/// Echoes; each client costs a token.
struct FlowService: StreamService {
    static let demands: ServiceDemands = .inFlowDelay

    init(_ context: inout ServiceContext) {}

    /// For ever, in the words of somebody who knows no other.
    mutating func willWait(_ time: ServiceTime) -> Int? { .max }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        reply.append(input)
        return input.byteCount
    }
}

/// Wants to be replaced as soon as there is work.
struct RetiringService: StreamService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func willAccept() -> AcceptDecision { .retire("table has changed -- restarting") }

    /// What the kernel still wakes us for.
    mutating func willExit() { log.info("hook exit, watching the endpoint: \(watchedDescriptors().contains(6))") }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int { input.byteCount }
}

/// Echoes, until the file named by `table=<path>` is no longer the one that it began with.
struct TableService: StreamService {
    private let path: String
    private let began: Int

    init(_ context: inout ServiceContext) {
        path = context.arguments.first { $0.hasPrefix("table=") }.map { String($0.dropFirst(6)) } ?? ""
        began = fileNumber(path)
    }

    mutating func willAccept() -> AcceptDecision {
        fileNumber(path) == began ? .goOn : .retire("table \(path) has changed -- restarting")
    }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        reply.append(input)
        return input.byteCount
    }
}

/// Another one for each file that takes the name.
private func fileNumber(_ path: String) -> Int {
    var facts = Glibc.stat()
    return stat(path, &facts) == 0 ? Int(facts.st_ino) : 0
}

/// Reads and writes as if there were one client only. Says who serves.
struct BlockingService: BlockingStreamService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func clientArrived(_ client: inout BlockingClient) { greet(&client) }
    mutating func serve(_ client: inout BlockingClient) { echo(&client) }
    mutating func clientLeft(_ id: ClientID) { log.info("hook left") }
}

/// The same for many clients at once.
struct BlockingCrowdService: BlockingStreamService {
    static let clientsAtOnce = ClientsAtOnce.many

    init(_ context: inout ServiceContext) {}

    mutating func clientArrived(_ client: inout BlockingClient) { greet(&client) }
    mutating func serve(_ client: inout BlockingClient) { echo(&client) }
}

/// Greets many clients with what came along with them, and says to each request what it knows of the client by then.
struct BlockingIntroductionService: BlockingStreamService {
    static let clientsAtOnce = ClientsAtOnce.many

    init(_ context: inout ServiceContext) {}

    mutating func clientArrived(_ client: inout BlockingClient) { introduce(&client) }

    mutating func serve(_ client: inout BlockingClient) {
        var bytes = [UInt8](repeating: 0, count: 256)
        var span = bytes.mutableSpan
        var room = span.mutableBytes
        guard let count = try? client.read(into: &room), count > 0 else { return }
        introduce(&client)
    }

    private func introduce(_ client: inout BlockingClient) {
        let address = client.client.passAttributes?["client_address"] ?? "none"
        try? client.write(Array((address + "\n").utf8).span.bytes)
    }
}

private func greet(_ client: inout BlockingClient) {
    try? client.write(Array("hello\n".utf8).span.bytes)
}

/// Sends back what came. A `q` is the end; after a `w` it waits for more before it answers.
private func echo(_ client: inout BlockingClient) {
    var bytes = [UInt8](repeating: 0, count: 256)
    var span = bytes.mutableSpan
    var room = span.mutableBytes
    guard var count = try? client.read(into: &room), count > 0 else { return }
    if bytes.first == UInt8(ascii: "q") { return client.disconnect() }
    if bytes.first == UInt8(ascii: "w") {
        var span = bytes.mutableSpan
        var room = span.mutableBytes
        count = (try? client.read(into: &room)) ?? 0
    }
    try? client.write(bytes.span.bytes.extracting(0..<count))
}

/// Logs how many datagrams came, and the last one, which may ask for a refusal.
struct DatagramCounter: DatagramService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func received(_ datagrams: inout Datagrams) {
        let last = datagrams.count - 1
        refuse(datagrams.text(last))
        log.info("received \(datagrams.count): \(datagrams.text(last))\(datagrams.isTruncated(last) ? " cut" : "")")
    }
}

/// The kernel has no lock for the next turn, refuses to give up the one of the next turn, or has no memory for the next
/// receive.
private func refuse(_ request: String) {
    #if DEBUG
    switch request {
    case "refuse to lock": FaultPlan.fail(.flock, with: Errno(rawValue: ENOLCK))
    case "refuse to unlock": FaultPlan.fail(.flock, with: Errno(rawValue: ENOLCK), afterPassing: 1)
    case "refuse to receive": FaultPlan.fail(.recvmmsg, with: .noMemory)
    default: break
    }
    #endif
}

/// The descriptors in the epoll sets of this process.
private func watchedDescriptors() -> [Int] {
    var found: [Int] = []
    for number in 3..<64 {
        guard let file = fopen("/proc/self/fdinfo/\(number)", "r") else { continue }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split {
                $0 == " " || $0 == ":"
            }
            if words.first == "tfd", words.count > 1, let watched = Int(words[1]) { found.append(watched) }
        }
    }
    return found.sorted()
}
