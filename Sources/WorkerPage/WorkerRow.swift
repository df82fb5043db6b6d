//===----------------------------------------------------------------------===//
// Quartermaster: the record in which a worker counts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import SystemCalls

/// What one process has counted. Only stores to memory once it is made: no system call, no lock, no allocation, and
/// nobody who reads can hold it up. Every counter stands for itself; none is ever set back.
///
/// A process without a page counts as well, in memory that nobody reads: counting costs the same, and asks nothing.
///
/// What every request passes through is public and inlinable, though no product shows it, as in `FixedMemory`.
public struct WorkerRow: ~Copyable {
    @usableFromInline let memory: SharedMemory
    @usableFromInline let start: Int
    /// Whether master looked for heirs of a row when this one was taken.
    private let isFollowed: Bool

    /// Counts for nobody.
    package init() {
        memory = SharedMemory(ownByteCount: WorkerPage.recordSize)
        start = 0
        isFollowed = false
    }

    /// Takes a free row of the page that our master made. The file is needed no more afterwards, wherever the process
    /// goes and whoever it becomes; and whatever becomes of the file, the process lives on.
    ///
    /// - Parameter service: `name/type` as in master.cf.
    package init(
        at path: String = WorkerPage.path,
        service: String,
        pid: Int32
    ) throws(WorkerPageProblem) {
        let file = try WorkerPage.form.open(path)
        let (row, isFollowed) = try Self.claim(file.number, UInt64(UInt32(bitPattern: pid)))
        let place = WorkerPage.row(row)
        // A page of memory, which the row is in; no more of the file counts as this process's.
        let pageStart = place & ~4095
        memory = try calling { () throws(SystemError) in
            try SharedMemory(mapping: file.number, from: pageStart, byteCount: 4096)
        }
        start = place - pageStart
        self.isFollowed = isFollowed
        memory.publish(PageText.words(service, byteCount: WorkerRecord.nameSize), from: start)
    }

    /// The number of a row that is ours now: no other process gets it. A process that has one already, because it was
    /// there before an exec, goes on with it.
    private static func claim(
        _ file: DescriptorNumber,
        _ pid: UInt64
    ) throws(WorkerPageProblem) -> (row: Int, isFollowed: Bool) {
        let head = try WorkerPage.form.head(file)
        let isFollowed = head.word(at: WorkerPage.followsHeirs) != 0
        let rows = 0..<WorkerPage.rowCount
        for row in rows where head.word(at: PageForm.holder(row)) == pid { return (row, isFollowed) }
        for row in rows where head.replace(0, by: pid, at: PageForm.holder(row)) { return (row, isFollowed) }
        head.countTogether(1, at: PageForm.Header.refused)
        throw .full
    }

    // MARK: an heir

    /// When the process that holds the row has ended, it belongs to process `pid`, a copy of it, which counts on.
    /// `master` decides that; one of an earlier version would give the row away, and is told nothing.
    package func name(heir pid: Int32) {
        if !isFollowed { return }
        memory.publish(UInt64(UInt32(bitPattern: pid)), at: start + WorkerRecord.heirPlace)
    }

    /// In the heir: the row is its own, or it counts for nobody.
    package mutating func inherit() {
        if !isFollowed { self = WorkerRow() }
    }

    /// There is none after all.
    package func dropHeir() { memory.publish(0, at: start + WorkerRecord.heirPlace) }

    // MARK: counting

    @inlinable @inline(__always)
    public func count(_ counter: WorkerCounter, _ number: Int = 1) {
        memory.count(UInt64(truncatingIfNeeded: number), at: start &+ counter.place)
    }

    /// So many requests took `nanoseconds` together; each counts as long as the others.
    package func countTime(nanoseconds: Int64, of requests: Int) {
        let total = UInt64(max(nanoseconds, 0))
        memory.count(total, at: start + WorkerCounter.handling.place)
        if requests <= 0 { return }
        let bucket = HandlerTimes.bucket(nanoseconds: requests == 1 ? total : total / UInt64(requests))
        memory.count(UInt64(requests), at: start + WorkerRecord.histogramPlace + bucket * 8)
    }
}
