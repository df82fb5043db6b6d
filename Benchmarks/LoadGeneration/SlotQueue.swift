//===----------------------------------------------------------------------===//
// Quartermaster: clients waiting for their turn
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A first-in, first-out queue of slot numbers in fixed memory. Every slot waits in it once at most, which is the
/// caller's to see to.
package struct SlotQueue {
    private var slots: [Int]
    private var first = 0
    package private(set) var count = 0

    package init(capacity: Int) {
        slots = [Int](repeating: 0, count: capacity)
    }

    package var isEmpty: Bool { count == 0 }

    package var head: Int? { count == 0 ? nil : slots[first] }

    package mutating func append(_ slot: Int) {
        precondition(count < slots.count)
        let end = first + count
        slots[end < slots.count ? end : end - slots.count] = slot
        count += 1
    }

    package mutating func popFirst() -> Int? {
        guard let slot = head else { return nil }
        first = first + 1 == slots.count ? 0 : first + 1
        count -= 1
        return slot
    }
}
