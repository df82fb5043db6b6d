//===----------------------------------------------------------------------===//
// Quartermaster: anvil, connection counts and rates for every server of a mail system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AnvilRates
import ServerSkeleton

/// Answers who is connected how often and how fast. Turns requests into calls of the rate table and its answers into
/// replies; counts nothing itself.
struct Anvil: StreamService, ~Copyable {
    /// The record that a connection has counted last, until it is replaced or given back.
    typealias ClientState = RecordID?

    static let demands: ServiceDemands = .solitary
    static let rateTimeUnit = Parameter.time("anvil_rate_time_unit", default: "60s", min: 1)
    static let statusUpdateTime = Parameter.time("anvil_status_update_time", default: "600s", min: 1)
    static let parameters: [any ServiceParameter] = [rateTimeUnit, statusUpdateTime]
    static var maximumReplySize: Int { 256 }

    private let log: ServiceLog
    private let statusUpdateTime: Int64
    private var table: RateTable
    private var peaks = Peaks()
    private var nextReport: Int64?
    private var now: Int64 = 0
    private var malformed = RepeatedWarning()
    private var unexpected = RepeatedWarning()
    private var unrecognized = RepeatedWarning()

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
        let timeUnit = context.value(of: Self.rateTimeUnit)
        log = context.log
        statusUpdateTime = Int64(context.value(of: Self.statusUpdateTime))
        table = RateTable(timeUnit: timeUnit)
        // Counts have to outlive the clients they are about.
        context.useLimit = 0
        if context.idleLimit > 0 { context.idleLimit = max(context.idleLimit, timeUnit) }
    }

    mutating func clientArrived(_ client: Client, reply: inout Reply) -> RecordID? {
        reply.append("protocol=anvil_protocol\n\n")
        return nil
    }

    mutating func received(_ input: RawSpan, from client: inout RecordID?, reply: inout Reply) -> Int {
        now = reply.time.seconds
        switch AnvilRequest.parse(input) {
        case .incomplete: return 0
        case .malformed(let why):
            malformed.log(log, at: reply.time, "\(why) -- disconnecting the client")
            reply.disconnect()
            return input.byteCount
        case .whole(let kind, let ident, let size, let extra):
            if let extra { unexpected.log(log, at: reply.time, "unexpected attribute \(extra) in input") }
            answer(kind, input.extracting(ident), &client, &reply)
            return size
        }
    }

    mutating func clientLeft(_ client: consuming RecordID?) {
        if let record = client { table.disconnect(record, now: now) }
    }

    /// Forgetting and reporting are done between turns, and so is making room.
    mutating func willWait(_ time: ServiceTime) -> Int? {
        now = time.seconds
        table.expire(now: now)
        table.makeRoom()
        let due = nextReport ?? now + statusUpdateTime
        nextReport = due
        if due <= now {
            report()
            nextReport = now + statusUpdateTime
        }
        let toReport = max((nextReport ?? now) - now, 1)
        return Int(min(toReport, max(table.secondsToExpiry(now: now) ?? toReport, 1)))
    }

    mutating func willExit() { report() }

    private mutating func report() {
        let lines = peaks.report(timeUnit: table.timeUnit) { WallClock.text($0, format: "%b %e %H:%M:%S") }
        for line in lines { log.info(line) }
    }
}

extension Anvil {
    private mutating func answer(
        _ kind: AnvilRequest.Kind,
        _ ident: RawSpan,
        _ client: inout RecordID?,
        _ reply: inout Reply
    ) {
        switch kind {
        case .connect:
            let figures = connect(ident, &client)
            let rate = figures[.connection]
            peaks.note(.connection, rate, ident: ident, seconds: { WallClock.seconds })
            peaks.note(count: figures.count, ident: ident, seconds: { WallClock.seconds })
            reply.append("status=0\ncount=", figures.count)
            reply.append("\nrate=", rate)
        case .disconnect:
            if let record = client, table.isRecord(record, of: ident) {
                table.disconnect(record, now: now)
                client = nil
            }
            reply.append("status=0")
        case .count(let rate):
            let figures = count(rate, ident, &client)
            peaks.note(rate, figures[rate], ident: ident, seconds: { WallClock.seconds })
            reply.append("status=0\nrate=", figures[rate])
        case .newTLSStatus:
            reply.append("status=0\nrate=", table.figures(of: ident, now: now)[.newTLS])
        case .lookup: lookUp(ident, &reply)
        case .unknown(let name):
            unrecognized.log(log, at: reply.time, "unrecognized request: \"\(name)\", ignored")
            reply.append("status=4294967295")
        }
        reply.append("\n\n")
    }

    private mutating func lookUp(_ ident: RawSpan, _ reply: inout Reply) {
        let figures = table.figures(of: ident, now: now)
        reply.append("status=0\ncount=", figures.count)
        reply.append("\nrate=", figures[.connection])
        reply.append("\nmail=", figures[.message])
        reply.append("\nrcpt=", figures[.recipient])
        reply.append("\nnewtls=", figures[.newTLS])
        reply.append("\nauth=", figures[.auth])
    }

    /// A connection of ours holds one client at a time: counting another gives the earlier one back.
    private mutating func connect(_ ident: RawSpan, _ client: inout RecordID?) -> ClientFigures {
        // The same one again: given back and taken, it only has one connection more in this unit of time.
        if let client, table.isRecord(client, of: ident) { return table.count(.connection, of: client, now: now) }
        let (record, figures) = table.connect(ident, now: now)
        if let earlier = client { table.disconnect(earlier, now: now) }
        client = record
        peaks.note(cacheSize: table.count, seconds: { WallClock.seconds })
        return figures
    }

    /// A client that is not known yet counts as connected.
    private mutating func count(_ rate: Rate, _ ident: RawSpan, _ client: inout RecordID?) -> ClientFigures {
        var record = table.find(ident, guess: client)
        if record == nil {
            _ = connect(ident, &client)
            record = client
        }
        return record.map { table.count(rate, of: $0, now: now) } ?? ClientFigures()
    }
}

extension Reply {
    /// The end of one line of a reply, with the name of the next attribute, and that one's value.
    fileprivate mutating func append(_ name: StaticString, _ value: Int32) {
        append(name)
        append(decimal: Int(value))
    }
}
