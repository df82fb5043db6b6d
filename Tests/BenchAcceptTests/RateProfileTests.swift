//===----------------------------------------------------------------------===//
// Quartermaster: rate profiles: when exchanges are meant to begin
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadGeneration
import Testing

@Suite("rate profiles")
struct RateProfileTests {
    private func profile(_ text: String) throws -> RateProfile { try #require(try RateProfile.parse(text)) }

    private func isClose(_ one: Double?, _ other: Double) -> Bool { one.map { abs($0 - other) < 1e-6 } ?? false }

    @Test("a constant rate")
    func constant() {
        let profile = RateProfile(constant: 200)
        #expect(isClose(profile.seconds(ofStart: 0), 0))
        #expect(isClose(profile.seconds(ofStart: 1), 0.005))
        #expect(isClose(profile.seconds(ofStart: 1000), 5))
        #expect(profile.starts(before: 5) == 1000)
    }

    @Test("a ramp: the starts come closer and closer, then evenly")
    func ramp() throws {
        let profile = try profile("ramp:0..100/10s")
        // 500 starts in the ramp, whose count grows with the square of the time.
        #expect(isClose(profile.seconds(ofStart: 125), 5))
        #expect(isClose(profile.seconds(ofStart: 500), 10))
        #expect(isClose(profile.seconds(ofStart: 700), 12))
        #expect(profile.starts(before: 10) == 500)
    }

    @Test("a ramp down to nothing ends")
    func rampDown() throws {
        let profile = try profile("ramp:100..0/10s")
        #expect(isClose(profile.seconds(ofStart: 375), 5))
        #expect(profile.seconds(ofStart: 499) != nil)
        #expect(profile.seconds(ofStart: 500) == nil)
    }

    @Test("steps")
    func step() throws {
        let profile = try profile("step:10,+10/2s")
        #expect(isClose(profile.seconds(ofStart: 19), 1.9))
        #expect(isClose(profile.seconds(ofStart: 20), 2))
        #expect(isClose(profile.seconds(ofStart: 59), 3.95))
        #expect(isClose(profile.seconds(ofStart: 60), 4))
    }

    @Test("a spike")
    func spike() throws {
        let profile = try profile("spike:10..1000/0.5s@5s")
        #expect(isClose(profile.seconds(ofStart: 49), 4.9))
        #expect(isClose(profile.seconds(ofStart: 50), 5))
        #expect(isClose(profile.seconds(ofStart: 549), 5.499))
        #expect(isClose(profile.seconds(ofStart: 551), 5.6))
    }

    @Test("lines of a file, straight between the points, with a jump")
    func file() throws {
        let profile = try RateProfile.parse(lines: "# hello\n0 10\n\n10 10 # level\n10 20\n20 0\n", name: "f")
        #expect(isClose(profile.seconds(ofStart: 99), 9.9))
        #expect(isClose(profile.seconds(ofStart: 100), 10))
        #expect(isClose(profile.seconds(ofStart: 175), 15))
        #expect(profile.seconds(ofStart: 200) == nil)
    }

    @Test(
        "starts are in order, and as many as the rate says",
        arguments: ["ramp:0..50000/1s", "spike:7..9000/0.1s@0.3s"]
    )
    func order(text: String) throws {
        let profile = try profile(text)
        var last = 0.0
        let count = profile.starts(before: 0.5)
        for index in 0..<count {
            let next = try #require(profile.seconds(ofStart: index))
            #expect(next >= last && next < 0.5)
            last = next
        }
        let following = try #require(profile.seconds(ofStart: count))
        #expect(following >= 0.499999)
    }

    @Test(
        "what cannot be read is refused, with what is wanted",
        arguments: [
            ("ramp:0..5", "expected ramp:FROM..TO/SECONDSs"), ("ramp:0..x/5s", "\"x\" is no rate"),
            ("ramp:0..0/5s", "no rate above zero"), ("ramp:0..5/5", "\"5\" is no time"),
            ("step:1,2/1s", "expected step:"),
            ("spike:1..2/1s", "expected spike:"), ("spike:1..2/0s@1s", "\"0s\" is no time"),
            ("step:-1,+2/1s", "is no rate"),
        ]
    )
    func refused(text: String, words: String) {
        do {
            _ = try RateProfile.parse(text)
            Issue.record("\(text) was understood")
        } catch {
            #expect(error.description.contains(words), "\(error)")
        }
    }

    @Test(
        "bad lines are named",
        arguments: [("0 1\nx", "line 2"), ("1 1\n0 1", "line 2: earlier"), ("0 0", "no rate"), ("0 -1", "line 1")]
    )
    func badLines(text: String, words: String) {
        do {
            _ = try RateProfile.parse(lines: text, name: "f")
            Issue.record("\(text) was understood")
        } catch {
            #expect(error.description.contains(words), "\(error)")
        }
    }

    @Test("other words are no profile, but perhaps a file")
    func others() throws {
        #expect(try RateProfile.parse("/tmp/rates") == nil)
        #expect(try RateProfile.parse("a:b") == nil)
    }
}
