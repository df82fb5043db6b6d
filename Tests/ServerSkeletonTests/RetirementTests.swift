//===----------------------------------------------------------------------===//
// Quartermaster: tests of how long a process lives
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ServerSkeleton

struct RetirementTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let option: Int?
        let useLimit: Int
        let idleLimit: Int
        let seconds: Int

        var testDescription: String { "-r \(option ?? 0), \(useLimit) clients, \(idleLimit) s idle" }

        init(_ option: Int?, _ useLimit: Int, _ idleLimit: Int, is seconds: Int) {
            (self.option, self.useLimit, self.idleLimit, self.seconds) = (option, useLimit, idleLimit, seconds)
        }
    }

    static let cases = [
        Case(nil, 100, 100, is: 10_000),
        Case(nil, 1, 1, is: 1),
        // No limit says nothing.
        Case(nil, 0, 100, is: 18_000),
        Case(nil, 100, 0, is: 18_000),
        Case(nil, 0, 0, is: 18_000),
        // At the limit, and beyond it.
        Case(nil, 100, 180, is: 18_000),
        Case(nil, 100, 179, is: 17_900),
        Case(nil, 100, 181, is: 18_000),
        Case(nil, 7, 2571, is: 17_997),
        Case(nil, 7, 2572, is: 18_000),
        Case(nil, 1, 18_000, is: 18_000),
        Case(nil, 1, 18_001, is: 18_000),
        Case(nil, .max, .max, is: 18_000),
        // The option is stronger than any limit.
        Case(5, 100, 100, is: 5),
        Case(5, 0, 0, is: 5),
        Case(100_000, 100, 100, is: 100_000),
    ]

    @Test("a process lives for max_use times max_idle, for five hours at most, or for what -r says", arguments: cases)
    func rule(_ example: Case) {
        let seconds = RetirementTime.seconds(
            option: example.option,
            useLimit: example.useLimit,
            idleLimit: example.idleLimit
        )
        #expect(seconds == example.seconds)
    }
}
