//===----------------------------------------------------------------------===//
// Quartermaster: the index of the rate table
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import AnvilRates

struct IdentIndexTests {
    @Test("the index finds everything across collisions and removals")
    func collisions() {
        var index = IdentIndex(capacity: 8)
        // Hashes that all begin at the same few places.
        for slot in 0..<UInt32(32) { index.insert(hash: slot % 4, slot: slot) }
        for slot in stride(from: UInt32(0), to: 32, by: 3) { index.remove(hash: slot % 4, slot: slot) }
        for slot in 0..<UInt32(32) {
            var place = index.start(slot % 4)
            var isFound = false
            while let entry = index.entry(place) {
                if entry.slot == slot { isFound = true }
                place = index.next(place)
            }
            #expect(isFound == (slot % 3 != 0))
        }
    }
}
