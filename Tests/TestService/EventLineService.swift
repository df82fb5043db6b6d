//===----------------------------------------------------------------------===//
// Quartermaster: an event service whose requests are lines
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

/// Echoes lines, except for those that ask for something that only an event service can do. Logs every hook.
///
/// Arguments: `finish=<seconds>`, `told=<seconds>`, `at-once`: what it decides when it is to leave, whatever the
/// reason; `hears`: it hears who does not take its output.
struct EventLineService: EventService {
    typealias ClientState = Peer

    /// What is remembered of a connection.
    struct Peer {
        /// A connection of our own: who asked for it.
        var asker: ClientID?
        var attributes = "none"
        /// Bytes of a long reply that are still to be sent.
        var owed = 0
        var ticks: TimerID?
        var ended = false
    }

    /// What a timer is for; the rest of its tag is a number of `later`.
    enum Tag: UInt64 { case later = 1, tick, resume, leave }

    static var maximumRequestSize: Int { 256 }
    static var maximumPendingOutput: Int { 32 * 1024 }
    static var usesPassAttributes: Bool { true }
    static var demands: ServiceDemands {
        let all: [(String, ServiceDemands)] = [
            ("demand-retires", .retires), ("demand-flow", .inFlowDelay), ("demand-unlimited", .unlimited),
            ("demand-privileged", .privileged),
        ]
        return ServiceDemands(all.filter { has($0.0) }.map(\.1))
    }
    static var watchdogLimit: Parameter<Int>? {
        has("watchdog") ? .time("test_watchdog", default: "3s", min: 3) : nil
    }
    static var hearsWhileOutputWaits: Bool { has("hears") }
    static var limitsSilence: Bool { has("limits-silence") }

    let log: ServiceLog
    private let measures: Measures?
    private let decision: LeaveDecision?
    var waiting: [(timer: TimerID, client: ClientID, text: String)] = []
    var pipe: [Int32] = []
    var pipeAsker: ClientID?
    private var arrivals = 0
    private var reason = "none"
    private var filled: (client: ClientID, text: String)?
    private var thread: LibraryThread?

    static func prepare(_ context: inout ServiceContext) { context.log.info("hook prepare uid=\(getuid())") }

    init(_ context: inout ServiceContext) {
        log = context.log
        measures = Measures(context)
        log.info("hook init uid=\(getuid()) service=\(context.serviceName)")
        func seconds(_ name: String) -> Int? {
            context.arguments.first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
        }
        decision =
            seconds("finish=").map { .whenClientsHaveLeft(withinSeconds: $0) }
            ?? seconds("told=").map { .whenTold(withinSeconds: $0) } ?? (Self.has("at-once") ? .atOnce : nil)
    }

    static func has(_ argument: String) -> Bool { CommandLine.arguments.contains(argument) }

    mutating func started(_ handle: inout Handle) { log.info("hook started one-shot=\(handle.isOneShot)") }

    mutating func willLeave(_ reason: LeaveReason, _ handle: inout Handle) -> LeaveDecision {
        log.info("hook leave \(reason) clients=\(handle.clientCount)")
        self.reason = "\(reason)"
        if case .whenTold? = decision {
            let timer = handle.makeTimer(tag: Tag.leave.rawValue)
            handle.arm(timer, milliseconds: 1500)
        }
        return decision ?? (reason == .terminated ? .atOnce : .whenClientsHaveLeft(withinSeconds: 60))
    }

    mutating func willAccept() -> AcceptDecision {
        arrivals >= 2 && Self.has("refuses-third") ? .retire("two are enough") : .goOn
    }

    mutating func willExit() { log.info("hook exit") }

    // MARK: connections

    mutating func clientArrived(_ client: Client, _ handle: inout Handle) -> Peer {
        arrivals += 1
        let attributes = client.passAttributes
        log.info("hook arrived from \(client.peerAddress() ?? "here")")
        if Self.has("greet") { handle[to: client.id].append("hello\n") }
        return Peer(
            attributes: attributes?.names.map { "\($0)=\(attributes?[$0] ?? "")" }.joined(separator: " ") ?? "none"
        )
    }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout Handle) -> Int {
        guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else {
            if handle[client].asker != nil {
                relay(input, from: client, &handle)
                return input.byteCount
            }
            return 0
        }
        if handle[client].asker != nil {
            relay(input.extracting(0..<end + 1), from: client, &handle)
        } else {
            answer(String(utf8: input.extracting(0..<end)), client, &handle)
        }
        return end + 1
    }

    /// What a connection of our own says goes to who asked for it.
    private func relay(_ input: RawSpan, from connection: ClientID, _ handle: inout Handle) {
        guard let asker = handle[connection].asker else { return }
        handle[to: asker].append("got ")
        handle[to: asker].append(input)
    }

    private mutating func answer(_ line: String, _ client: ClientID, _ handle: inout Handle) {
        measures?.note(line)
        let words = line.split(separator: " ").map { String($0) }
        let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
        let rest = words.dropFirst(2).joined(separator: " ")
        switch words.first {
        case "attributes": say(handle[client].attributes, client, &handle)
        case "quit":
            handle[to: client].append("bye\n")
            handle.disconnectWhenSent(client)
        case "abort": handle.disconnect(client)
        case "later": later(number, client, rest, &handle)
        case "forget": for (timer, _, _) in waiting { handle.cancel(timer) }
        case "all": tellAll(line.dropFirst(4) + "\n", &handle)
        case "tick":
            let timer = handle.makeTimer(tag: Tag.tick.rawValue | client.number << 8)
            handle[client].ticks = timer
            handle.arm(timer, every: Int64(number))
        case "stop": if let timer = handle[client].ticks.take() { handle.remove(timer) }
        case "big":
            handle[client].owed = number
            pour(client, &handle)
        case "flood": for _ in 0..<number { handle[to: client].append("0123456789abcdef\n") }
        case "sends": say("\(sends(number, client, &handle))", client, &handle)
        case "fill": fill(client, &handle)
        case "resume": resumePipe(client, &handle)
        case "overfull":
            let bytes = [UInt8](repeating: UInt8(ascii: "0"), count: handle[to: client].room + 1)
            handle[to: client].append(bytes.span.bytes)
        case "half":
            handle[to: client].append("half\n")
            handle.finishOutput(client)
        case "pause":
            handle.pauseReading(client)
            let timer = handle.makeTimer(tag: Tag.resume.rawValue | client.number << 8)
            handle.arm(timer, milliseconds: Int64(number))
        case "connect", "connect-closing": connect(words, number, client, &handle)
        case "pipe": watchPipe(client, &handle)
        case "uid": say("\(getuid())", client, &handle)
        case "reason": say(reason, client, &handle)
        case "pid": say("\(getpid())", client, &handle)
        case "clients": say("\(handle.clientCount)", client, &handle)
        case "drain": say("drained \(handle.drain()) \(getpid())", client, &handle)
        case "thread":
            thread = LibraryThread()
            say("begun", client, &handle)
        case "join":
            thread = nil
            say("ended", client, &handle)
        case "leave": handle.leave()
        case "block": block(number, &handle, pats: false)
        case "pat":
            block(number, &handle, pats: true)
            say("patted", client, &handle)
        case "fault": fault(words.last ?? "")
        default: say(line, client, &handle)
        }
    }

    /// Signals end pauses early.
    private func block(_ milliseconds: Int, _ handle: inout Handle, pats: Bool) {
        let end = Clock.monotonicNanoseconds() + Int64(milliseconds) * 1_000_000
        while Clock.monotonicNanoseconds() < end {
            usleep(10_000)
            if pats { handle.pat() }
        }
    }

    func say(_ text: String, _ client: ClientID, _ handle: inout Handle) {
        handle[to: client].append(utf8: text)
        handle[to: client].append("\n")
    }

    private func tellAll(_ text: Substring, _ handle: inout Handle) {
        let bytes = Array(text.utf8)
        var next = handle.client(after: nil)
        while let client = next {
            _ = handle.send(bytes.span.bytes, to: client)
            next = handle.client(after: client)
        }
    }

    private func sends(_ count: Int, _ client: ClientID, _ handle: inout Handle) -> String {
        let bytes = [UInt8](repeating: UInt8(ascii: "s"), count: count)
        return "\(handle.send(bytes.span.bytes, to: client))"
    }

    /// Fills the kernel's buffer and then the queue, and says later how that went.
    private mutating func fill(_ client: ClientID, _ handle: inout Handle) {
        let large = [UInt8](repeating: UInt8(ascii: " "), count: 600_000)
        let small = [UInt8](repeating: UInt8(ascii: " "), count: Self.maximumPendingOutput + 1)
        var found = ["\(handle.send(large.span.bytes, to: client))", "\(handle.send(small.span.bytes, to: client))"]
        found.append("\(handle.send(small.span.bytes.extracting(0..<1), to: client))")
        found.append("\(Self.maximumPendingOutput) \(handle.room(of: client))")
        filled = (client, found.joined(separator: " "))
    }

    /// As much of a long reply as there is room for.
    private func pour(_ client: ClientID, _ handle: inout Handle) {
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
        while handle[client].owed > 0 {
            let size = min(handle[client].owed, bytes.count)
            let sent = handle.sendPart(bytes.span.bytes.extracting(0..<size), to: client)
            handle[client].owed -= sent
            if sent < size { return }
        }
        handle[to: client].append("\n")
    }

    mutating func hasRoom(_ client: ClientID, _ handle: inout Handle) {
        if handle[client].owed > 0 { pour(client, &handle) }
        if let (asker, text) = filled, asker == client {
            filled = nil
            say(text, client, &handle)
        }
    }

    mutating func inputEnded(_ client: ClientID, _ handle: inout Handle) {
        log.info("hook input ended")
        handle[client].ended = true
        if let asker = handle[client].asker { say("ended", asker, &handle) }
        if !Self.has("half-open") { handle.disconnectWhenSent(client) }
    }

    mutating func clientLeft(
        _ client: ClientID,
        _ state: consuming Peer,
        _ reason: Departure,
        _ handle: inout Handle
    ) {
        let words =
            switch reason {
            case .ended: "ended"
            case .lost(let error): "lost: \(error.reason)"
            case .timedOut: "timed out"
            case .overrun: "overrun"
            }
        log.info("hook left \(words)")
        if let timer = state.ticks { handle.remove(timer) }
        if let asker = state.asker { say("gone \(words)", asker, &handle) }
    }
}

/// A thread such as a library may have, from its beginning to the end of this object.
private final class LibraryThread {
    private var thread = pthread_t()
    private var ends: [Int32] = [0, 0]

    init() {
        guard Glibc.pipe(&ends) == 0 else { return }
        // The thread waits until the other end is closed.
        let argument = UnsafeMutableRawPointer(bitPattern: UInt(ends[0]))
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                var byte: UInt8 = 0
                _ = read(Int32(UInt(bitPattern: argument)), &byte, 1)
                return nil
            },
            argument
        )
        precondition(result == 0)
    }

    deinit {
        close(ends[1])
        pthread_join(thread, nil)
        close(ends[0])
    }
}
