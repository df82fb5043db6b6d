//===----------------------------------------------------------------------===//
// Quartermaster: which of many moments comes next
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Moments with something that is due then. A timer that is not needed any more is removed, and leaves nothing behind:
/// a deadline for each of a million requests, none of which comes, takes the memory of those that run at a time.
struct TimerHeap<Due> {
    /// The name of a timer; one that is over names nothing.
    struct TimerID: Hashable, Sendable {
        fileprivate let index: Int32
        fileprivate let life: UInt32
    }

    private struct Entry {
        var due: Due?
        var life: UInt32 = 0
        /// Where in the heap it is; for one that is free, the next free one.
        var place: Int32
    }

    /// The moment stands beside the name, so that finding a place looks at one array only.
    private struct Place {
        let moment: Int64
        let index: Int32
    }

    private var entries: [Entry] = []
    private var firstFree: Int32 = -1
    /// A heap of four: shallower than one of two, and children that lie together.
    private var heap: [Place] = []

    var count: Int { heap.count }

    /// The moment that comes next.
    var next: Int64? { heap.first?.moment }

    mutating func add(_ due: Due, at moment: Int64) -> TimerID {
        let index: Int32
        if firstFree >= 0 {
            index = firstFree
            firstFree = entries[Int(index)].place
        } else {
            index = Int32(entries.count)
            entries.append(Entry(due: nil, place: 0))
        }
        entries[Int(index)].due = due
        entries[Int(index)].life &+= 1
        heap.append(Place(moment: moment, index: index))
        rise(heap.count - 1)
        return TimerID(index: index, life: entries[Int(index)].life)
    }

    /// What would have been due; nil for a timer that is over.
    @discardableResult
    mutating func remove(_ id: TimerID) -> Due? {
        let entry = entries[Int(id.index)]
        guard entry.life == id.life, let due = entry.due else { return nil }
        removePlace(Int(entry.place))
        return due
    }

    /// Something whose moment has come, the earliest first; nil when there is none.
    mutating func popDue(_ now: Int64) -> Due? {
        guard let first = heap.first, first.moment <= now else { return nil }
        let due = entries[Int(first.index)].due
        removePlace(0)
        return due
    }

    /// Forgets all of them. Their names name nothing, also when their places are taken again.
    mutating func removeAll() { while !heap.isEmpty { removePlace(heap.count - 1) } }

    private mutating func removePlace(_ place: Int) {
        let index = heap[place].index
        entries[Int(index)].due = nil
        entries[Int(index)].place = firstFree
        firstFree = index
        let last = heap.removeLast()
        if place == heap.count { return }
        let before = heap[place].moment
        heap[place] = last
        if last.moment < before { rise(place) } else { sink(place) }
    }

    private mutating func rise(_ start: Int) {
        var place = start
        let rising = heap[place]
        while place > 0 {
            let above = (place - 1) / 4
            if heap[above].moment <= rising.moment { break }
            put(heap[above], at: place)
            place = above
        }
        put(rising, at: place)
    }

    private mutating func sink(_ start: Int) {
        var place = start
        let sinking = heap[place]
        while true {
            let below = place * 4 + 1
            if below >= heap.count { break }
            var least = below
            for other in below + 1..<max(below + 1, min(below + 4, heap.count))
            where heap[other].moment < heap[least].moment {
                least = other
            }
            if heap[least].moment >= sinking.moment { break }
            put(heap[least], at: place)
            place = least
        }
        put(sinking, at: place)
    }

    private mutating func put(_ item: Place, at place: Int) {
        heap[place] = item
        entries[Int(item.index)].place = Int32(place)
    }
}
