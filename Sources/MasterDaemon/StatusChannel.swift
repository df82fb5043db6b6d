//===----------------------------------------------------------------------===//
// Quartermaster: the socket pair on which children say what they are doing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterPolicy
import MasterProtocol
import SystemCalls

/// Both ends of one service's status channel. Master keeps the children's end open too, so the death of children is no
/// end of file; shutdown(2) by one of them is. Closing both ends is how master tells idle children to leave.
struct StatusChannel: ~Copyable {
    /// `first` is master's end, which is never written to; `second` is what children get as descriptor 5, and stays
    /// blocking.
    private let ends: DescriptorPair

    init() throws(SystemError) {
        let pair = try makeSocketPair().moved(atLeast: ChildImage.lowestSource)
        try pair.second.number.setOption(.priority, StatusChannelMark.socketPriority)
        ends = pair
    }

    /// Both ends as this process has had them when it ran another program.
    init(adopting handed: Handover.Channel) {
        ends = DescriptorPair(first: Descriptor(owning: handed.reader), second: Descriptor(owning: handed.child))
    }

    var readerNumber: DescriptorNumber { ends.first.number }
    var childNumber: DescriptorNumber { ends.second.number }
}

/// Reads status records, many at a time, and feeds them to the policy. One buffer serves all channels.
struct StatusReader: ~Copyable {
    private var buffer = FixedBytes(count: StatusReport.byteCount * 512)

    /// What was found.
    struct Found: Equatable {
        /// Records that were handed out, whatever they said.
        var reports = 0
        var troubles: [Trouble] = []
        /// Nothing can come any more.
        var isAtEnd = false
    }

    /// What was in the way, for the log.
    enum Trouble: Equatable {
        case readFailed(SystemError)
        case garbage(byteCount: Int, pid: Int32?)
    }

    /// Reads that are made at most: what a child writes without pause may not keep master from its other work.
    private static var readLimit: Int { 64 }

    /// Reads everything that is there now, up to a limit that only misbehaviour reaches. Records take effect together,
    /// by their net result.
    mutating func read(
        _ channel: DescriptorNumber,
        of service: ServiceID,
        into policy: inout Policy,
        now: PolicyTime
    ) -> Found {
        var found = Found()
        policy.beginReports(from: service)
        var kept = 0
        for _ in 0..<Self.readLimit {
            let size: Int
            do throws(SystemError) {
                var all = buffer.mutableBytes
                var room = all._mutatingExtracting(kept..<all.byteCount)
                switch try channel.receive(into: &room) {
                case .bytes(let count): size = kept + count
                case .wouldBlock: size = 0
                case .endOfFile:
                    found.isAtEnd = true
                    size = 0
                }
            } catch {
                found.troubles.append(.readFailed(error))
                size = 0
            }
            if size == 0 { break }
            let isFull = size == buffer.count
            let used = decode(size, mayContinue: isFull, service, &policy, now, &found)
            kept = size - used
            if kept > 0 { buffer.moveToFront(from: used, size: kept) }
            if !isFull { break }
        }
        policy.endReports(now: now)
        return found
    }

    /// Hands out the records in the first `size` bytes; returns how many bytes that took.
    private func decode(
        _ size: Int,
        mayContinue: Bool,
        _ service: ServiceID,
        _ policy: inout Policy,
        _ now: PolicyTime,
        _ found: inout Found
    ) -> Int {
        var stream = StatusStream()
        let batch = buffer.bytes.extracting(0..<size)
        while let item = policy.next(of: &stream, in: batch, mayContinue: mayContinue, from: service) {
            switch item {
            case .report(let report):
                found.reports += 1
                policy.reportArrived(from: service, report, now: now)
            case .garbage(let count, let pid): found.troubles.append(.garbage(byteCount: count, pid: pid))
            }
        }
        return stream.offset
    }
}
