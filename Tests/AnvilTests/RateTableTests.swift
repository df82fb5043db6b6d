//===----------------------------------------------------------------------===//
// Quartermaster: what anvil counts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import AnvilRates

/// A table with a hand-moved clock and names instead of bytes.
struct Counting: ~Copyable {
    var table: RateTable
    var now: Int64 = 1000

    init(timeUnit: Int = 60, capacity: Int = 1) { table = RateTable(timeUnit: timeUnit, capacity: capacity) }

    mutating func connect(_ name: String) -> (record: RecordID, count: Int32, rate: Int32) {
        let bytes = Array(name.utf8)
        let (record, figures) = table.connect(bytes.span.bytes, now: now)
        return (record, figures.count, figures[.connection])
    }

    mutating func figures(_ name: String) -> ClientFigures {
        let bytes = Array(name.utf8)
        return table.figures(of: bytes.span.bytes, now: now)
    }

    mutating func find(_ name: String, guess: RecordID? = nil) -> RecordID? {
        let bytes = Array(name.utf8)
        return table.find(bytes.span.bytes, guess: guess)
    }

    mutating func isRecord(_ id: RecordID, of name: String) -> Bool {
        let bytes = Array(name.utf8)
        return table.isRecord(id, of: bytes.span.bytes)
    }
}

struct RateTableTests {
    @Test("a guess counts only where it is right", arguments: ["", "a", String(repeating: "long", count: 40)])
    func guess(_ name: String) {
        var counting = Counting()
        let (right, wrong) = (counting.connect(name).record, counting.connect("another").record)
        #expect(right != wrong)
        for guess in [right, wrong, nil] {
            let found = counting.find(name, guess: guess)
            #expect(found == right)
        }
        let (isRight, isWrong) = (counting.isRecord(right, of: name), counting.isRecord(wrong, of: name))
        #expect(isRight && !isWrong)
        // A record that is gone has no owner, though its name still says whose it was.
        counting.table.disconnect(right, now: counting.now)
        counting.now += 61
        counting.table.expire(now: counting.now)
        let isStillRight = counting.isRecord(right, of: name)
        #expect(!isStillRight)
        let found = counting.find(name, guess: right)
        #expect(found == nil)
    }

    @Test("connections are counted and rated")
    func counting() {
        var counting = Counting()
        let first = counting.connect("a")
        #expect((first.count, first.rate) == (1, 1))
        let second = counting.connect("a")
        #expect((second.count, second.rate) == (2, 2))
        #expect(first.record == second.record)
        counting.table.disconnect(first.record, now: counting.now)
        let third = counting.connect("a")
        #expect((third.count, third.rate) == (2, 3))
    }

    @Test("rates begin anew when the unit of time is over")
    func unitOfTime() {
        var counting = Counting()
        let record = counting.connect("a").record
        _ = counting.table.count(.message, of: record, now: counting.now)
        counting.now += 60
        #expect(counting.connect("a").rate == 2, "start + unit is not yet past")
        counting.now += 1
        let later = counting.connect("a")
        #expect((later.count, later.rate) == (3, 1))
        #expect(counting.figures("a")[.message] == 0)
    }

    @Test("every rate is counted by itself", arguments: Rate.allCases)
    func separateRates(_ rate: Rate) {
        var counting = Counting()
        let record = counting.connect("a").record
        for _ in 0..<3 { _ = counting.table.count(rate, of: record, now: counting.now) }
        for other in Rate.allCases {
            let connections: Int32 = other == .connection ? 1 : 0
            #expect(counting.figures("a")[other] == connections + (other == rate ? 3 : 0))
        }
    }

    @Test("looking up resets stale rates and knows nothing of strangers")
    func lookingUp() {
        var counting = Counting()
        _ = counting.connect("a")
        counting.now += 61
        #expect(counting.figures("a")[.connection] == 0)
        #expect(counting.figures("a").count == 1)
        #expect(counting.figures("b") == ClientFigures())
        #expect(counting.table.count == 1)
    }

    @Test("figures saturate")
    func saturation() {
        var figures = ClientFigures()
        figures[.auth] = .max - 1
        figures.increment(.auth)
        figures.increment(.auth)
        #expect(figures[.auth] == .max)
    }

    @Test("a record expires a unit of time after its last connection")
    func expiry() {
        var counting = Counting()
        let record = counting.connect("a").record
        counting.table.expire(now: counting.now + 1000)
        #expect(counting.table.count == 1, "in use")
        counting.table.disconnect(record, now: counting.now)
        #expect(counting.table.secondsToExpiry(now: counting.now + 10) == 50)
        counting.table.expire(now: counting.now + 59)
        #expect(counting.table.count == 1)
        counting.table.expire(now: counting.now + 60)
        #expect(counting.table.count == 0)
        #expect(counting.find("a") == nil)
        #expect(counting.table.secondsToExpiry(now: counting.now) == nil)
    }

    @Test("connecting again cancels the expiry")
    func connectingAgain() {
        var counting = Counting()
        let record = counting.connect("a").record
        counting.table.disconnect(record, now: counting.now)
        counting.now += 59
        #expect(counting.connect("a").record == record)
        counting.table.expire(now: counting.now + 1000)
        #expect(counting.table.count == 1)
    }

    @Test("a name that outlived its record does no harm")
    func staleName() {
        var counting = Counting()
        let record = counting.connect("a").record
        counting.table.disconnect(record, now: counting.now)
        counting.table.expire(now: counting.now + 60)
        _ = counting.connect("b")
        counting.table.disconnect(record, now: counting.now)
        #expect(counting.figures("b").count == 1)
    }

    @Test("disconnecting twice counts once")
    func disconnectingTwice() {
        var counting = Counting()
        let record = counting.connect("a").record
        counting.table.disconnect(record, now: counting.now)
        counting.table.disconnect(record, now: counting.now)
        #expect(counting.figures("a").count == 0)
        counting.table.expire(now: counting.now + 60)
        #expect(counting.table.count == 0)
    }

    @Test("long idents are told apart")
    func longIdents() {
        var counting = Counting()
        let stem = String(repeating: "x", count: 100)
        let first = counting.connect(stem + "1").record
        let second = counting.connect(stem + "2").record
        #expect(first != second)
        #expect(counting.find(stem + "1") == first)
    }

    /// Every operation in a random order against a dictionary that does the same.
    @Test("the table agrees with a simple model", arguments: [1, 2, 3, 4])
    func model(_ seed: UInt64) {
        struct Entry {
            var count: Int32
            var start: Int64
            var rate: Int32
            var expiresAt: Int64?
        }
        var counting = Counting(timeUnit: 10, capacity: 64)
        var model: [String: Entry] = [:]
        var random = Lehmer(state: seed)
        for _ in 0..<20_000 {
            let name = "client:\(random.next() % 700)"
            if random.next() % 3 == 0, let record = counting.find(name), let entry = model[name], entry.count > 0 {
                counting.table.disconnect(record, now: counting.now)
                model[name]?.count -= 1
                if entry.count == 1 { model[name]?.expiresAt = counting.now + 10 }
            } else {
                var entry = model[name] ?? Entry(count: 0, start: counting.now, rate: 0)
                if entry.start + 10 < counting.now { (entry.start, entry.rate) = (counting.now, 0) }
                entry.count += 1
                entry.rate += 1
                entry.expiresAt = nil
                model[name] = entry
                let got = counting.connect(name)
                #expect((got.count, got.rate) == (entry.count, entry.rate))
            }
            if random.next() % 50 == 0 {
                counting.now += Int64(random.next() % 4)
                counting.table.expire(now: counting.now)
                model = model.filter { $0.value.expiresAt.map { $0 > counting.now } ?? true }
                if random.next() % 2 == 0 { counting.table.makeRoom() }
            }
            #expect(counting.table.count == model.count)
        }
        for name in model.keys { #expect(counting.find(name) != nil) }
    }
}

/// A small generator, the same sequence for the same seed.
struct Lehmer {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = (state &* 6_364_136_223_846_793_005) &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
