//===----------------------------------------------------------------------===//
// Quartermaster: services that the tester is tried with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Adds numbers, a line each, and says the sum of each client's. Logs every hook.
struct Adder: StreamService {
    static let step = Parameter.integer("adder_step", default: 1, min: 1)
    static var parameters: [any ServiceParameter] { [step] }
    static var maximumRequestSize: Int { 20 }
    static var limitsSilence: Bool { true }

    private let log: ServiceLog
    private let step: Int
    private var nextHour: Int64?

    static func prepare(_ context: inout ServiceContext) { context.log.info("prepare") }

    init(_ context: inout ServiceContext) {
        log = context.log
        step = context.value(of: Self.step)
        log.info("arguments: \(context.arguments.joined(separator: " "))")
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        let due = nextHour ?? time.seconds + 3600
        nextHour = due
        if due <= time.seconds {
            log.info("an hour is over")
            nextHour = time.seconds + 3600
        }
        return Int((nextHour ?? due) - time.seconds)
    }

    mutating func clientArrived(_ client: Client, reply: inout Reply) -> Int {
        reply.append("hello\n")
        return 0
    }

    mutating func received(_ input: RawSpan, from sum: inout Int, reply: inout Reply) -> Int {
        var lines = input.lines
        guard let line = lines.next() else { return 0 }
        if line == "big" { for _ in 0...reply.room { reply.append("x") } }
        if line == "bye" { reply.disconnect() }
        if line == "much" { reply.append([UInt8](repeating: 0x78, count: 16_000)) }
        if line.hasPrefix("error ") { log.warning("a client says: \(String(utf8: line)): so") }
        if let number = Int(decimal: line) {
            sum += number * step
            reply.append(decimal: sum)
            reply.append("\n")
        }
        return lines.consumed
    }

    mutating func clientLeft(_ sum: consuming Int) { log.info("left with \(sum)") }
    mutating func willExit() { log.info("exit") }
}

/// Repeats to each client what another one says, and what time it is.
struct Board: EventService {
    typealias ClientState = Void

    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func started(_ handle: inout Handle) {
        let timer = handle.makeTimer(tag: 1)
        handle.arm(timer, every: 250)
    }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout Handle) -> Int {
        var next = handle.client(after: nil)
        while let other = next {
            if other != client { handle[to: other].append(input) }
            next = handle.client(after: other)
        }
        return input.byteCount
    }

    mutating func timerFired(_ timer: TimerID, _ handle: inout Handle) {
        var next = handle.client(after: nil)
        while let other = next {
            handle[to: other].append("tick\n")
            next = handle.client(after: other)
        }
    }

    mutating func willLeave(_ reason: LeaveReason, _ handle: inout Handle) -> LeaveDecision {
        log.info("will leave: \(reason)")
        return reason == .masterGone ? .whenClientsHaveLeft(withinSeconds: 30) : .atOnce
    }

    mutating func willExit() { log.info("exit") }
}

/// Reads two bytes, however they come, and answers them the other way round.
struct Turner: BlockingStreamService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func serve(_ client: inout BlockingClient) {
        do throws(ServiceError) {
            let first = try byte(&client)
            let second = try byte(&client)
            try client.write([second, first].span.bytes)
        } catch {
            log.info("over: \(error.reason)")
        }
    }

    private func byte(_ client: inout BlockingClient) throws(ServiceError) -> UInt8 {
        var bytes: [UInt8] = [0]
        var span = bytes.mutableSpan
        var room = span.mutableBytes
        if try client.read(into: &room) == 0 { client.disconnect() }
        return bytes[0]
    }

    mutating func clientLeft(_ id: ClientID) { log.info("left") }
    mutating func willExit() { log.info("exit") }
}

/// The same as a service that keeps many clients.
struct ManyTurners: BlockingStreamService {
    static let clientsAtOnce = ClientsAtOnce.many
    private var turner: Turner

    init(_ context: inout ServiceContext) { turner = Turner(&context) }

    mutating func serve(_ client: inout BlockingClient) { turner.serve(&client) }
}

/// Logs what comes.
struct Listener: DatagramService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func received(_ datagrams: inout Datagrams) {
        for index in 0..<datagrams.count {
            log.info("got \(datagrams.text(index))")
            _ = datagrams.reply(to: index) { $1.append($0) }
        }
    }

    mutating func willExit() { log.info("exit") }
}

/// Answers one line with the same backwards, and is done.
struct Backwards: SingleService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func serve(_ client: inout BlockingClient) {
        var line: [UInt8] = []
        var bytes: [UInt8] = [0]
        while line.last != 0x0a {
            var span = bytes.mutableSpan
            var room = span.mutableBytes
            guard let count = try? client.read(into: &room), count > 0 else { return }
            line.append(bytes[0])
        }
        let answer = Array(line.dropLast().reversed()) + [0x0a]
        try? client.write(answer.span.bytes)
    }

    mutating func willExit() { log.info("exit") }
}

/// Logs each trigger.
struct Bell: TriggerService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    mutating func triggered(_ bytes: RawSpan) { log.info("rings: \(String(utf8: bytes))") }

    mutating func willExit() { log.info("exit") }
}
