//===----------------------------------------------------------------------===//
// Quartermaster: a stream service whose requests are lines
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

/// Echoes lines, except for a few that ask for something special. Logs every hook.
struct LineService: StreamService {
    static var maximumRequestSize: Int { 64 }
    static var maximumReplySize: Int { 64 * 1024 }
    static var usesPassAttributes: Bool { true }

    private let log: ServiceLog
    private let measures: Measures?

    static func prepare(_ context: inout ServiceContext) {
        context.log.info("hook prepare uid=\(getuid()) directory=\(directory())")
    }

    init(_ context: inout ServiceContext) {
        log = context.log
        measures = Measures(context)
        log.info("hook init uid=\(getuid()) groups=\(getgroups(0, nil)) service=\(context.serviceName)")
        if context.arguments.contains("unlimited") { context.idleLimit = 0 }
    }

    mutating func clientArrived(_ client: Client, reply: inout Reply) -> String {
        if let address = client.peerAddress() { log.info("hook arrived from \(address)") }
        let attributes = client.passAttributes
        return attributes?.names.map { "\($0)=\(attributes?[$0] ?? "")" }.joined(separator: " ") ?? "none"
    }

    mutating func received(_ input: RawSpan, from client: inout String, reply: inout Reply) -> Int {
        var line: [UInt8] = []
        for index in 0..<input.byteCount {
            let byte = unsafe input.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            line.append(byte)
            if byte == UInt8(ascii: "\n") {
                answer(String(decoding: line.dropLast(), as: UTF8.self), client, &reply)
                return line.count
            }
        }
        return 0
    }

    private func answer(_ line: String, _ attributes: String, _ reply: inout Reply) {
        measures?.note(line)
        switch line {
        case "attributes": reply.append(Array(attributes.utf8).span.bytes)
        case "quit":
            reply.append("bye\n")
            return reply.disconnect()
        case "big": reply.append([UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024 - 1).span.bytes)
        case "overfull": for _ in 0...reply.room / 10 { reply.append("0123456789") }
        case "no memory for epoll": failToWatch()
        case "trap": fatalError("the \(line) is sprung")
        case "abort": complain("test-service: line.c:1: check: Assertion `sky == blue' failed.\n", 1, thenAbort: true)
        case "chatter": complain("nothing to worry about\n", 100_000, thenAbort: false)
        case "errors of a child": reply.append(utf8: errorsOfAChild())
        case "number": reply.append(decimal: -1_234_567)
        default: reply.append(Array(line.utf8).span.bytes)
        }
        reply.append("\n")
    }

    /// The next endpoint or client cannot be watched.
    private func failToWatch() {
        #if DEBUG
        FaultPlan.fail(.epollControl, with: .noMemory)
        #endif
    }

    /// Says something where a library would.
    private func complain(_ words: String, _ times: Int, thenAbort: Bool) {
        for _ in 0..<times { _ = write(2, words, words.utf8.count) }
        if thenAbort { abort() }
    }

    /// What a program that we start has as its standard error, as it says itself.
    private func errorsOfAChild() -> String {
        let path = Self.directory() + "/errors"
        let words = ["sh", "-c", "readlink /proc/self/fd/2 > '\(path)'"]
        let shell = ChildImage(path: "/bin/sh", arguments: words, environment: ["PATH=/usr/bin:/bin"], moves: [])
        guard case .started(let pid) = spawn(shell), (try? waitForChild(pid)) == .exited(status: 0) else { return "?" }
        return String(decoding: (try? readFile(path).bytes) ?? [], as: UTF8.self)
    }

    mutating func clientLeft(_ client: consuming String) { log.info("hook left") }

    mutating func willExit() { log.info("hook exit") }

    private static func directory() -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getcwd(&buffer, buffer.count) != nil else { return "?" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
