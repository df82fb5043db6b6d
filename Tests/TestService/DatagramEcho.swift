//===----------------------------------------------------------------------===//
// Quartermaster: test-service, a datagram service that answers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

/// Sends each datagram back, but for a few that ask for something special.
struct DatagramEcho: DatagramService {
    private let log: ServiceLog
    private var first: DatagramSender?

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func received(_ datagrams: inout Datagrams) {
        for index in datagrams.indices {
            let sender = datagrams.sender(index)
            if first == nil { first = sender }
            if datagrams[index].equals("who") {
                datagrams.reply(to: index) { _, reply in
                    guard let sender else { return }
                    reply.append(hostOf: sender)
                    reply.append(" ")
                    reply.append(decimal: sender.port)
                    reply.append(utf8: " \(sender) \(sender.family)")
                }
            } else if datagrams[index].equals("pid") {
                datagrams.reply(to: index) { _, reply in reply.append(decimal: Int(getpid())) }
            } else if datagrams[index].equals("first"), let first {
                datagrams.send(to: first) { reply in reply.append("you were first") }
            } else if datagrams[index].equals("too much") {
                datagrams.reply(to: index) { _, reply in for _ in 0..<410 { reply.append("0123456789") } }
            } else if datagrams[index].equals("nothing") {
                datagrams.reply(to: index) { _, _ in }
            } else {
                if datagrams[index].starts(with: "refuse to") { refuse(datagrams.text(index)) }
                if datagrams[index].starts(with: "slow") { usleep(100_000) }
                let isAnswered = datagrams.reply(to: index) { request, reply in reply.append(request) }
                if !isAnswered { log.info("nobody to answer: \(datagrams.text(index))") }
            }
        }
    }
}

/// Sends back what fits into a UDP datagram, nearly.
struct LargeDatagramEcho: DatagramService {
    static let maximumDatagramSize = 60_000

    init(_ context: inout ServiceContext) {}

    mutating func received(_ datagrams: inout Datagrams) {
        for index in datagrams.indices { datagrams.reply(to: index) { request, reply in reply.append(request) } }
    }
}

/// The next call does not do it.
private func refuse(_ request: String) {
    #if DEBUG
    switch request {
    case "refuse to send": FaultPlan.fail(.sendmmsg, with: .noBufferSpace, afterPassing: 0, times: 2)
    case "refuse to send once": FaultPlan.fail(.sendmmsg, with: .noBufferSpace)
    case "refuse to receive": FaultPlan.fail(.recvmmsg, with: .connectionRefused)
    default: break
    }
    #endif
}
