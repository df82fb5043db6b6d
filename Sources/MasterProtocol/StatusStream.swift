//===----------------------------------------------------------------------===//
// Quartermaster: status records out of what was read from a channel
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Finds the records in one read from a status channel, one call at a time.
///
/// Every legitimate write is one message of 12 bytes and a reader drains whole messages, so records follow each other
/// without a gap unless some process wrote something else. The caller says which records are plausible. From one that
/// is not, the decoder looks ahead to the next one that is: in step with it, everything between was records of
/// forgotten processes; out of step, it was garbage, which is reported and skipped. So one stray byte costs one stray
/// byte and not every later record of the service. It keeps no bytes, allocates nothing, and never looks at what a
/// report means.
package struct StatusStream: Sendable {
    /// Bytes of the batch that were handed out so far, as records or as garbage.
    package private(set) var offset = 0
    /// Records that start before this were accepted together by an earlier look ahead.
    private var trustedEnd = 0

    package init() {}

    /// One piece of a batch.
    package enum Item: Equatable, Sendable {
        case report(StatusReport)
        /// Bytes that are no record; `pid` is their first word, as far as there is one: the likely culprit.
        case garbage(byteCount: Int, pid: Int32?)
    }

    /// Returns the next piece of `batch`, which is the same at every call, or nil at its end.
    ///
    /// `mayContinue` says that the read filled its buffer. Then a piece of a record at the end is not reported: the
    /// caller moves `batch.byteCount - offset` bytes to the front of its buffer and reads on behind them.
    package mutating func next(
        in batch: RawSpan,
        mayContinue: Bool = false,
        plausible: (StatusReport) -> Bool
    ) -> Item? {
        let left = batch.byteCount - offset
        guard left >= StatusReport.byteCount else {
            return left == 0 || mayContinue ? nil : takeGarbage(left, from: batch)
        }
        let report = StatusReport(decoding: batch, at: offset)
        if offset < trustedEnd || plausible(report) {
            offset += StatusReport.byteCount
            return .report(report)
        }
        return resynchronise(in: batch, plausible: plausible)
    }

    /// Handles an implausible record. What was looked at is decided, so each byte is looked at once or twice a batch.
    private mutating func resynchronise(in batch: RawSpan, plausible: (StatusReport) -> Bool) -> Item {
        var ahead = offset + 1
        while ahead + StatusReport.byteCount <= batch.byteCount {
            if plausible(StatusReport(decoding: batch, at: ahead)) { return skip(to: ahead, in: batch) }
            ahead += 1
        }
        // Nothing better follows, so this place is as good as any: reports of forgotten processes are normal.
        trustedEnd = batch.byteCount - (batch.byteCount - offset) % StatusReport.byteCount
        return takeReport(from: batch)
    }

    private mutating func skip(to ahead: Int, in batch: RawSpan) -> Item {
        guard (ahead - offset) % StatusReport.byteCount == 0 else {
            return takeGarbage(ahead - offset, from: batch)
        }
        // In step with the next good one: whole records of processes that are already forgotten.
        trustedEnd = ahead
        return takeReport(from: batch)
    }

    private mutating func takeReport(from batch: RawSpan) -> Item {
        defer { offset += StatusReport.byteCount }
        return .report(StatusReport(decoding: batch, at: offset))
    }

    private mutating func takeGarbage(_ byteCount: Int, from batch: RawSpan) -> Item {
        defer { offset += byteCount }
        guard byteCount >= 4 else { return .garbage(byteCount: byteCount, pid: nil) }
        // Inside the batch, and every bit pattern is a valid integer.
        let pid = unsafe batch.unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self)
        return .garbage(byteCount: byteCount, pid: pid)
    }
}
