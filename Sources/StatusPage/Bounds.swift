//===----------------------------------------------------------------------===//
// Quartermaster: figures of a page that anybody may have written
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Readers add, subtract and multiply what a page says. So that no page can make them trap, everything that is read
// comes within bounds that no machine reaches; the fuzzer `status_page` makes every text of the result.
package enum PageBounds {
    /// Of processes and clients at one moment: four such numbers can be added in 32 bits.
    package static let count: Int32 = 1 << 28
    /// Of milliseconds and of everything that is counted: what JSON's numbers hold exactly, some 285,000 years.
    package static let size: Int64 = 1 << 53
}

extension Int32 {
    fileprivate mutating func bound() { self = Swift.min(Swift.max(self, 0), PageBounds.count) }
}

extension Int64 {
    /// - Parameter least: what may be below zero, if anything may.
    fileprivate mutating func bound(from least: Int64 = 0) { self = Swift.min(Swift.max(self, least), PageBounds.size) }
}

extension UInt64 {
    fileprivate mutating func bound() { self = Swift.min(self, UInt64(PageBounds.size)) }
}

extension Overview {
    /// Brings a heartbeat within the bounds; records are brought there one by one.
    mutating func bound() { heartbeat.bound() }
}

extension MasterFigures {
    mutating func bound() {
        pid.bound()
        started.bound()
        monotonicClock.bound()
        realClock.bound()
        lastReload.ended.bound()
        lastReload.user.bound()
        lastReload.pid.bound()
        lastReload.problems.bound()
        lastReload.warnings.bound()
        lastReload.turnsLeft.bound()
        lastReload.lastTurn.bound()
        for index in counters.indices { counters[index].bound() }
    }
}

extension ServiceOverview {
    mutating func bound() {
        load.bound()
        counts.bound()
    }
}

extension ServiceLoad {
    fileprivate mutating func bound() {
        starting.bound()
        idle.bound()
        busy.bound()
        retired.bound()
        waiting.bound()
        waitingSeen.bound()
        uses.bound()
        counted.bound()
        busyTime.bound()
        saturatedTime.bound()
        crowdedTime.bound()
    }
}

extension ServiceCounts {
    fileprivate mutating func bound() {
        processLimit.bound()
        added.bound()
        throttledUntil.bound()
        stressUntil.bound()
        nextWakeup.bound()
        starts.bound()
        cleanEnds.bound()
        failedEnds.bound()
        killedEnds.bound()
        neverReady.bound()
        throttles.bound()
        stressOnsets.bound()
        wakeups.bound()
        troubleTime.bound()
        overflows.bound()
        overflowTime.bound()
        queueRoom.bound()
        readyTimes.sum.bound()
        for bucket in readyTimes.counts.indices { readyTimes.counts[bucket].bound() }
    }
}

extension ProcessOverview {
    mutating func bound() {
        started.bound()
        since.bound()
        uses.bound()
    }
}

extension EventEntry {
    mutating func bound() {
        number.bound()
        time.bound()
        pid.bound()
        // A signal is told as a negative number.
        value.bound(from: -PageBounds.size)
    }
}
