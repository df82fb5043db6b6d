//===----------------------------------------------------------------------===//
// Quartermaster: tests of the status record and the stream of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

private func record(_ pid: Int32, _ availability: Int32, generation: UInt32 = 1) -> StatusReport {
    StatusReport(pid: pid, generation: generation, availability: availability)
}

private func bytes(_ report: StatusReport) -> [UInt8] {
    let encoded = report.encoded
    return encoded.indices.map { encoded[$0] }
}

private func bytes(_ reports: [StatusReport]) -> [UInt8] { reports.flatMap { bytes($0) } }

/// Pids 100 to 109 in generation 1 are alive.
private func isAlive(_ report: StatusReport) -> Bool {
    (100..<110).contains(report.pid) && report.generation == 1 && (0...1).contains(report.availability)
}

private func items(_ batch: [UInt8], mayContinue: Bool = false) -> [StatusStream.Item] {
    var stream = StatusStream()
    var items: [StatusStream.Item] = []
    while let item = stream.next(in: batch.span.bytes, mayContinue: mayContinue, plausible: isAlive) {
        items.append(item)
    }
    return items
}

@Suite struct StatusReportTests {
    @Test("the layout is three native words")
    func layout() {
        let report = record(0x0102_0304, 1, generation: 0xA0B0_C0D0)
        let words = [UInt32(0x0102_0304), 0xA0B0_C0D0, 1]
        let expected = words.flatMap { word in withUnsafeBytes(of: word) { Array($0) } }
        #expect(bytes(report) == expected)
        #expect(StatusReport.byteCount == 12)
    }

    @Test(
        "what is encoded is decoded",
        arguments: [record(1, 0, generation: 0), record(.max, 1, generation: .max), record(.min, -1)]
    )
    func roundTrip(_ report: StatusReport) {
        let padded: [UInt8] = [9, 9, 9] + bytes(report)
        #expect(StatusReport(decoding: padded.span.bytes, at: 3) == report)
    }

    @Test("TAKEN is zero and AVAIL is one")
    func availability() {
        #expect(Availability.taken.rawValue == 0)
        #expect(Availability.available.rawValue == 1)
        let report = StatusReport(pid: 5, generation: Generation(rawValue: 8), availability: .available)
        #expect(report == record(5, 1, generation: 8))
    }
}

@Suite struct StatusStreamTests {
    @Test("nothing read is nothing")
    func emptyRead() {
        #expect(items([]).isEmpty)
    }

    @Test("whole records are read as they are, even implausible ones")
    func wholeRecords() {
        let reports = [record(100, 0), record(4711, 1), record(101, 9), record(100, 1)]
        #expect(items(bytes(reports)) == reports.map { .report($0) })
    }

    @Test("one read may bring many records")
    func manyRecords() {
        let reports = (0..<300).map { record(100 + $0 % 10, $0 % 2) }
        #expect(items(bytes(reports)) == reports.map { .report($0) })
    }

    @Test("a partial record alone names its sender if it can", arguments: 1..<12)
    func partialRecord(count: Int) {
        let partial = Array(bytes(record(105, 0)).prefix(count))
        #expect(items(partial) == [.garbage(byteCount: count, pid: count >= 4 ? 105 : nil)])
    }

    @Test("a stray message anywhere costs no record", arguments: 1..<24)
    func strayMessage(count: Int) {
        let reports = (0..<5).map { record(100 + $0, $0 % 2) }
        let stray = [UInt8](repeating: 0xEE, count: count)
        for place in 0...reports.count {
            let batch = bytes(Array(reports[..<place])) + stray + bytes(Array(reports[place...]))
            let found = items(batch)
            let genuine = found.filter { if case .report(let report) = $0 { isAlive(report) } else { false } }
            #expect(genuine == reports.map { .report($0) }, "stray of \(count) before record \(place)")
            #expect(found.count <= reports.count + 2)
            #expect(found.contains { if case .garbage = $0 { true } else { false } } == (count != 12))
        }
    }

    @Test("two stray messages are both skipped")
    func twoStrays() {
        let batch =
            bytes(record(100, 0)) + [1, 2, 3, 4, 5] + bytes(record(101, 0)) + [6, 7, 8] + bytes(record(100, 1))
        #expect(
            items(batch) == [
                .report(record(100, 0)), .garbage(byteCount: 5, pid: 0x0403_0201), .report(record(101, 0)),
                .garbage(byteCount: 3, pid: nil), .report(record(100, 1)),
            ]
        )
    }

    @Test("stray messages that add up to a record hide nothing")
    func straysLikeARecord() {
        let batch: [UInt8] = [1, 2, 3, 4, 5] + bytes(record(101, 0)) + [0, 0, 0, 0, 0, 0, 0]
        #expect(
            items(batch) == [
                .garbage(byteCount: 5, pid: 0x0403_0201), .report(record(101, 0)), .garbage(byteCount: 7, pid: 0),
            ]
        )
    }

    @Test("records of forgotten processes stay records beside a stray")
    func forgottenProcesses() {
        let batch = bytes([record(4711, 1), record(4712, 0), record(100, 0)]) + [1, 2]
        #expect(
            items(batch) == [
                .report(record(4711, 1)), .report(record(4712, 0)), .report(record(100, 0)),
                .garbage(byteCount: 2, pid: nil),
            ]
        )
        #expect(
            items(bytes(record(4711, 1)) + [1, 2, 3, 4]) == [
                .report(record(4711, 1)), .garbage(byteCount: 4, pid: 0x0403_0201),
            ]
        )
    }

    @Test("the next read is in step again")
    func nextRead() {
        #expect(items(bytes(record(100, 0)) + [1]).count == 2)
        #expect(items(bytes(record(100, 1))) == [.report(record(100, 1))])
    }

    /// A read that fills its buffer may end inside a record when something stray came before it.
    @Test("a full buffer leaves the piece at its end to the caller")
    func fullBuffer() {
        let all = [7, 7, 7, 7, 7] + bytes((0..<8).map { record(100 + $0, 0) })
        var found: [StatusStream.Item] = []
        var kept: [UInt8] = []
        var rest = all[...]
        while !rest.isEmpty {
            let room = 48 - kept.count
            let batch = kept + rest.prefix(room)
            rest = rest.dropFirst(room)
            var stream = StatusStream()
            let isFull = batch.count == 48
            while let item = stream.next(in: batch.span.bytes, mayContinue: isFull, plausible: isAlive) {
                found.append(item)
            }
            kept = Array(batch[stream.offset...])
        }
        #expect(kept.isEmpty)
        #expect(found == [.garbage(byteCount: 5, pid: 0x0707_0707)] + (0..<8).map { .report(record(100 + $0, 0)) })
    }

    @Test("each byte is looked at a bounded number of times")
    func boundedWork() {
        let batch = [UInt8](repeating: 1, count: 3071)
        var looks = 0
        var stream = StatusStream()
        var covered = 0
        while let item = stream.next(
            in: batch.span.bytes,
            plausible: { _ in
                looks += 1
                return false
            }
        ) {
            switch item {
            case .report: covered += 12
            case .garbage(let count, _): covered += count
            }
        }
        #expect(covered == batch.count)
        #expect(looks <= 2 * batch.count)
    }
}
