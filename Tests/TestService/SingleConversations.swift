//===----------------------------------------------------------------------===//
// Quartermaster: a service with one client a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

/// Greets, and then echoes lines, except for a few that ask for something special. Logs every hook. The last argument
/// says what it demands.
struct SingleConversations: SingleService {
    static let limit = Parameter.integer("conversation_limit", default: 7, min: 1, max: 9)
    static let grace = Parameter.time("conversation_grace", default: "1m")
    static let isPolite = Parameter.boolean("conversation_polite", default: true)
    static let word = Parameter.string("conversation_word", default: "$process_name", minLength: 1)
    static let pattern = Parameter.raw("conversation_pattern", default: "$0")
    static var parameters: [any ServiceParameter] { [limit, grace, isPolite, word, pattern] }

    static var demands: ServiceDemands { demandsOfLastArgument() }

    private let log: ServiceLog
    private let values: String

    static func prepare(_ context: inout ServiceContext) {
        context.log.info("hook prepare uid=\(geteuid())")
    }

    init(_ context: inout ServiceContext) {
        log = context.log
        values =
            "\(context.value(of: Self.limit)) \(context.value(of: Self.grace)) \(context.value(of: Self.isPolite)) "
            + "\(context.value(of: Self.word)) \(context.value(of: Self.pattern)) \(context.serviceName)"
        log.info("hook init uid=\(geteuid())")
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        log.verbose(1, "hook wait")
        return nil
    }

    mutating func willAccept() -> AcceptDecision {
        log.verbose(1, "hook accept")
        return CommandLine.arguments.last == "serve=single-leaving" ? .retire("table has changed -- restarting") : .goOn
    }

    mutating func willExit() { log.info("hook exit") }

    mutating func serve(_ client: inout BlockingClient) {
        do throws(ServiceError) {
            try client.write(Array("hello\n".utf8).span.bytes)
            while let line = try line(from: &client), line != "quit" {
                try client.write(Array((answer(line, client) + "\n").utf8).span.bytes)
            }
        } catch {
            log.info("conversation over: \(error.reason)")
        }
        log.info("served")
    }

    private func line(from client: inout BlockingClient) throws(ServiceError) -> String? {
        var line: [UInt8] = []
        while true {
            var byte: [UInt8] = [0]
            var span = byte.mutableSpan
            var room = span.mutableBytes
            if try client.read(into: &room) == 0 { return nil }
            if byte[0] == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line += byte
        }
    }

    private func answer(_ line: String, _ client: borrowing BlockingClient) -> String {
        switch line {
        case "values": return values
        case "attributes":
            let attributes = client.client.passAttributes
            return attributes?.names.map { "\($0)=\(attributes?[$0] ?? "")" }.joined(separator: " ") ?? "none"
        case "descriptor":
            let number = client.inputDescriptor
            let blocks = fcntl(number, F_GETFL) & O_NONBLOCK == 0
            let isInherited = fcntl(number, F_GETFD) & FD_CLOEXEC == 0
            return "blocks=\(blocks) inherited=\(isInherited) same=\(number == client.outputDescriptor)"
        case "kept alive": return "\(isKeptAlive(client.inputDescriptor))"
        case "big": return String(repeating: "x", count: 4_000_000)
        case "stuck":
            while true { sleep(1) }
        case "time": return WallClock.text(0, format: "%Y-%m-%d %H:%M")
        case "lookup": return address(of: "inside.example")
        default: return line
        }
    }

    private func isKeptAlive(_ number: Int32) -> Bool {
        var (value, size) = (Int32(0), socklen_t(4))
        return getsockopt(number, SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value != 0
    }

    private func address(of name: String) -> String {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &found) == 0, let found else { return "unknown" }
        defer { freeaddrinfo(found) }
        var text = [CChar](repeating: 0, count: 64)
        let address = found.pointee.ai_addr
        _ = getnameinfo(address, found.pointee.ai_addrlen, &text, 64, nil, 0, NI_NUMERICHOST)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Greets, and that is all: what is counted is the skeleton's.
struct LeanSingle: SingleService {
    init(_ context: inout ServiceContext) {}

    mutating func serve(_ client: inout BlockingClient) {
        let greeting: InlineArray<3, UInt8> = [UInt8(ascii: "h"), UInt8(ascii: "i"), UInt8(ascii: "\n")]
        try? client.write(greeting.span.bytes)
    }
}

/// What a test asks for at the end of the command line: `serve=<kind>-<demand>`.
func demandsOfLastArgument() -> ServiceDemands {
    let word = CommandLine.arguments.last?.split(separator: "-").last.map(String.init) ?? ""
    let demands: [String: ServiceDemands] = [
        "solitary": .solitary, "unlimited": .unlimited, "privileged": .privileged, "flow": .inFlowDelay,
        "retires": .retires,
    ]
    return demands[word] ?? []
}
