//===----------------------------------------------------------------------===//
// Quartermaster: the status page as master writes it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// A page in a file that readers find. Only stores to memory after `init`: no system call, and nobody can hold it up. A
/// record is written under a number of its own, so that a reader can tell a whole one from half of one.
package struct PageWriter: ~Copyable {
    package let layout: PageLayout
    private let memory: SharedMemory
    /// Nil for a page that nobody reads.
    private let file: FileFacts?
    package var rows: PageRows

    /// Makes the file and maps it. It is empty, and no page yet: `appear` makes it one.
    ///
    /// - Parameter path: a file that nobody else makes; an old one is removed.
    package init(_ layout: PageLayout, at path: String) throws(SystemError) {
        let descriptor = try Self.makeFile(path, byteCount: layout.pageSize)
        let file = try descriptor.number.facts()
        let memory = try SharedMemory(mapping: descriptor.number, byteCount: layout.pageSize)
        self.layout = layout
        self.file = file
        rows = PageRows(layout, in: memory)
        self.memory = memory
    }

    /// A page that nobody reads, without a row, in memory of our own: for who has none.
    package init() {
        layout = PageLayout(services: 0, processes: 0, events: 1)
        file = nil
        memory = SharedMemory(ownByteCount: layout.pageSize)
        rows = PageRows(layout, in: memory)
    }

    private static func makeFile(_ path: String, byteCount: Int) throws(SystemError) -> Descriptor {
        try removeFile(path)
        let file = try openFile(path, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
        do throws(SystemError) {
            try file.number.allocate(byteCount: byteCount)
            // Readable for all when it has its size, whatever the umask says.
            try file.number.changeMode(0o644)
            return file
        } catch {
            try? removeFile(path)
            throw error
        }
    }

    /// Whether these are facts about the file of this page.
    package func isFile(_ facts: FileFacts) -> Bool { facts.device == file?.device && facts.inode == file?.inode }

    /// Whether the file is gone from under us.
    package var isLost: Bool { memory.isLost }

    /// The file is a page from now on.
    package func appear(now: Int64) {
        let header = layout.header(heartbeat: UInt64(now))
        for index in header.indices.dropFirst() { memory.publish(header[index], at: index * 8) }
        memory.publish(header[0], at: 0)
    }

    /// There is a newer page at the same path.
    package func markSuperseded() { memory.publish(1, at: PageLayout.supersededPlace) }

    /// Whether the file still begins as a page: somebody may have cut it off and made it longer again.
    package var isIntact: Bool { memory.words(at: 0, count: 1)[0] == PageLayout.magic }

    private mutating func publish(_ words: Span<UInt64>, at offset: Int, of record: Int) {
        memory.publish(words, at: offset, sequence: record, ticket: rows.takeTicket())
    }

    // MARK: records

    package mutating func write(_ master: MasterFigures) {
        var (master, writer) = (master, WordWriter())
        master.code(with: &writer)
        publish(writer.words.span, at: layout.master.offset + 8, of: layout.master.offset)
    }

    /// Those of the counters, from the first on.
    package mutating func write(counters: Span<UInt64>) {
        precondition(counters.count <= MasterFigures.counterRoom)
        publish(counters, at: layout.master.offset + MasterFigures.counterPlace * 8, of: layout.master.offset)
    }

    package mutating func write(_ load: ServiceLoad, row: Int) {
        rows.services.publish(row, ticket: rows.takeTicket()) { record in
            var (load, storing) = (load, RecordWriter(record, at: ServiceOverview.loadPlace))
            load.code(with: &storing)
        }
    }

    package mutating func write(_ counts: ServiceCounts, row: Int) {
        var (counts, writer) = (counts, WordWriter())
        counts.code(with: &writer)
        publish(writer.words.span, ServiceOverview.countsPlace, row)
    }

    package mutating func write(_ texts: ServiceTexts, row: Int) {
        var (texts, writer) = (texts, WordWriter())
        texts.code(with: &writer)
        publish(writer.words.span, ServiceOverview.textsPlace, row)
    }

    private mutating func publish(_ words: Span<UInt64>, _ place: Int, _ row: Int) {
        precondition(row >= 0 && row < layout.services.count)
        let record = layout.services.place(row)
        publish(words, at: record + place * 8, of: record)
    }

    package mutating func write(_ process: ProcessOverview, row: Int) {
        rows.processes.publish(row, ticket: rows.takeTicket()) { record in
            var (process, storing) = (process, RecordWriter(record, at: 1))
            process.code(with: &storing)
        }
    }

    /// In the place that belongs to its number.
    package mutating func write(_ event: EventEntry) {
        var (event, writer) = (event, WordWriter())
        event.code(with: &writer)
        let record = layout.events.place(Int(event.number % UInt64(layout.events.count)))
        publish(writer.words.span, at: record + 8, of: record)
    }

    /// The events as they stand there, for another program that writes this page's version: the words of one record
    /// after the other, without its number.
    package var eventWords: [Int64] {
        let (table, size) = (layout.events, layout.events.size / 8)
        let words = memory.words(at: table.offset, count: size * table.count)
        var kept: [Int64] = []
        // Behind a record's number comes the event's, which is 0 where there is none.
        for start in stride(from: 0, to: words.count, by: size) where words[start + 1] != 0 {
            for word in words[(start + 1)..<(start + size)] { kept.append(Int64(bitPattern: word)) }
        }
        return kept
    }

    /// Takes what `eventWords` gave.
    package mutating func write(eventWords words: [Int64]) {
        let size = layout.events.size / 8 - 1
        for start in stride(from: 0, to: words.count - words.count % size, by: size) {
            let record = words[start..<start + size].map { UInt64(bitPattern: $0) }
            let place = layout.events.place(Int(record[0] % UInt64(layout.events.count)))
            publish(record.span, at: place + 8, of: place)
        }
    }

    /// Takes over the events of the page before, as they are.
    package mutating func takeEvents(from old: borrowing PageWriter) {
        let count = min(layout.events.count, old.layout.events.count)
        precondition(
            layout.events.count == old.layout.events.count,
            "an event's place follows from the number of places"
        )
        for row in 0..<count {
            let words = old.memory.words(at: old.layout.events.place(row) + 8, count: PageLayout.eventSize / 8 - 1)
            if words[0] != 0 { publish(words.span, at: layout.events.place(row) + 8, of: layout.events.place(row)) }
        }
    }
}
