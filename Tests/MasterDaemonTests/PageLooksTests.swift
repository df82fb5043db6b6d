//===----------------------------------------------------------------------===//
// Quartermaster: tests of when master looks at the files of its pages
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterDaemon

@Suite("Looks at the files of pages") struct PageLooksTests {
    @Test("one file a minute, each in turn, however often master turns")
    func onceAMinute() {
        var looks = PageLooks()
        var found: [(Int64, PageLooks.Page)] = []
        for second in Int64(0)...600 {
            for millisecond in [0, 1, 500] {
                let now = 5_000 + second * 1000 + Int64(millisecond)
                if let page = looks.due(now) { found.append((now, page)) }
            }
        }
        #expect(found.count == 10)
        #expect(found.enumerated().allSatisfy { $1.1 == ($0.isMultiple(of: 2) ? .status : .workers) })
        for (earlier, later) in zip(found, found.dropFirst()) { #expect(later.0 - earlier.0 >= 60_000) }
    }
}
