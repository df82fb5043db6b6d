//===----------------------------------------------------------------------===//
// Quartermaster: elements in slots
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import FixedMemory
import SystemCalls

extension Comparison {
    static var memory: [Comparison] {
        [
            Comparison("slab-insert-remove", times: 1000) {
                OurWorkload(SlabChurn(1000))
            } peer: {
                PeerWorkload(CPEERS_SLAB_CHURN, size: 1000)
            },
            Comparison("slab-lookup", times: 1000) {
                OurWorkload(SlabLookUp(1000))
            } peer: {
                PeerWorkload(CPEERS_SLAB_LOOKUP, size: 1000)
            },
        ]
    }
}

/// About as large as a connection.
private struct Element: ~Copyable {
    var uses: Int64
    var rest: (Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0)
}

/// One element comes, is looked at, and goes, among many that stay.
private struct SlabChurn: ~Copyable, Subject {
    private var slab: Slab<Element>

    init(_ count: Int) {
        slab = Slab(capacity: count + 1)
        for _ in 0..<count { _ = slab.insert(Element(uses: 0)) }
    }

    mutating func run(_ times: Int) -> Int {
        var sum = 0
        for index in 0..<times {
            guard let id = slab.insert(Element(uses: Int64(index))) else { continue }
            sum += slab.withElement(id) { Int($0.uses) } ?? 0
            _ = slab.remove(id)
        }
        return sum
    }
}

/// Many elements stay, and one after another is looked up and changed, in no order.
private struct SlabLookUp: ~Copyable, Subject {
    private var slab: Slab<Element>
    private var names: [SlotID] = []
    private var seed: UInt64 = 0

    init(_ count: Int) {
        slab = Slab(capacity: count)
        for _ in 0..<count {
            if let id = slab.insert(Element(uses: 0)) { names.append(id) }
        }
    }

    mutating func run(_ times: Int) -> Int {
        var found = 0
        for _ in 0..<times {
            seed = cpeers_next_random(seed)
            let name = names[Int((seed >> 33) % UInt64(names.count))]
            if slab.withElement(name, { $0.uses += 1 }) != nil { found += 1 }
        }
        return found
    }
}
