//===----------------------------------------------------------------------===//
// Quartermaster: the records in which a process keeps figures of its own
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Where one series of this process is: what is stored here is seen by whoever reads the page.
package struct MetricCell: Sendable {
    package let value: SharedNumber
    package let count: SharedNumber
}

/// Room for some series of this process. What it gives out stays where it is for as long as the block lives.
package struct MetricBlock: ~Copyable {
    private var memory: SharedMemory
    private var used = 0

    /// Counts for nobody.
    package init() { memory = SharedMemory(ownByteCount: MetricsPage.blockSize) }

    /// Takes a free block of the page that our master made. The file is needed no more afterwards, as with a row of
    /// `WorkerPage`.
    ///
    /// - Parameters:
    ///   - service: `name/type` as in master.cf.
    ///   - master: the page of another one is none of ours: nobody would ever free the block.
    package init(
        at path: String = MetricsPage.path,
        service: String,
        pid: Int32,
        master: Int32
    ) throws(WorkerPageProblem) {
        let file = try MetricsPage.form.open(path)
        let place = MetricsPage.block(try Self.claim(file.number, pid, master))
        memory = try calling { () throws(SystemError) in
            try SharedMemory(mapping: file.number, from: place, byteCount: MetricsPage.blockSize)
        }
        Self.write(service, memory, at: 0)
        memory.publish(MetricsPage.isNamed, at: MetricsPage.Record.kind)
    }

    /// The number of a block that is ours now, and has room on the disk.
    private static func claim(
        _ file: DescriptorNumber,
        _ pid: Int32,
        _ master: Int32
    ) throws(WorkerPageProblem) -> Int {
        let head = try MetricsPage.form.head(file)
        guard head.word(at: PageForm.Header.master) == UInt64(UInt32(bitPattern: master)) else { throw .foreign }
        let holder = UInt64(UInt32(bitPattern: pid))
        for block in 0..<MetricsPage.blockCount where head.replace(0, by: holder, at: PageForm.holder(block)) {
            do throws(SystemError) {
                try file.allocate(from: MetricsPage.block(block), byteCount: MetricsPage.blockSize)
            } catch {
                head.publish(0, at: PageForm.holder(block))
                throw .cannot(error)
            }
            return block
        }
        head.countTogether(1, at: PageForm.Header.refused)
        throw .full
    }

    private static func write(_ name: String, _ memory: borrowing SharedMemory, at record: Int) {
        let words = PageText.words(name, byteCount: MetricsPage.Record.nameSize)
        memory.publish(words, from: record + MetricsPage.Record.name)
    }

    /// nil when there is no room for one more.
    package mutating func add(_ name: SeriesName, _ kind: MetricKind) -> MetricCell? {
        if used == MetricsPage.seriesPerBlock { return nil }
        used += 1
        let record = used * MetricsPage.recordSize
        Self.write(name.text, memory, at: record)
        // Readers see it from now on, whole.
        memory.publish(kind.rawValue, at: record + MetricsPage.Record.kind)
        return MetricCell(
            value: memory.number(at: record + MetricsPage.Record.value),
            count: memory.number(at: record + MetricsPage.Record.count)
        )
    }

    /// In a child that is not this process: what is stored from now on is seen by nobody.
    package mutating func detach() throws(SystemError) { try memory.detach() }
}
