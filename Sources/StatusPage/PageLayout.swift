//===----------------------------------------------------------------------===//
// Quartermaster: where everything is in the status page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Places and sizes of a page, in bytes. A page consists of a header, one record about master, and three tables of
/// records of the same size: services, processes, events. master.status(5) describes it for others.
///
///     header | master | services … | processes … | events …
///
/// All numbers are words: 64 bits, little endian, at a multiple of 8. A record begins with its number, which is odd
/// while the record is being written, 0 if it never was, and larger each time. A reader takes the sizes from the
/// header, and so skips what a later version puts behind the fields that it knows.
package struct PageLayout: Equatable, Sendable {
    /// "QMSTATUS" as a word.
    package static let magic: UInt64 = 0x5355_5441_5453_4d51
    package static let version: UInt64 = 1
    /// What is larger is no page.
    package static let largestPage = 64 << 20

    package static let headerSize = 256
    /// Of this version; a reader accepts larger records.
    package static let masterSize = 2048
    package static let serviceSize = 1024
    package static let processSize = 64
    package static let eventSize = 128

    package var master = Table(offset: Self.headerSize, size: Self.masterSize, count: 1)
    package var services: Table
    package var processes: Table
    package var events: Table

    /// Records of one kind.
    package struct Table: Equatable, Sendable {
        package var offset: Int
        package var size: Int
        package var count: Int

        package var end: Int { offset + size * count }
        package func place(_ row: Int) -> Int { offset + size * row }
    }

    /// The layout with room for so many records.
    package init(services: Int, processes: Int, events: Int) {
        self.services = Table(offset: master.end, size: Self.serviceSize, count: services)
        self.processes = Table(offset: self.services.end, size: Self.processSize, count: processes)
        self.events = Table(offset: self.processes.end, size: Self.eventSize, count: events)
    }

    package var pageSize: Int { events.end }

    // MARK: the header

    /// Places of the two words of the header that change.
    package static let supersededPlace = 4 * 8
    package static let heartbeatPlace = 5 * 8

    /// The words of a new page's header, of which the first is written last.
    package func header(heartbeat: UInt64) -> [UInt64] {
        let tables = [master, services, processes, events].flatMap { [$0.offset, $0.size, $0.count] }
        return [Self.magic, Self.version, UInt64(Self.headerSize), UInt64(pageSize), 0, heartbeat]
            + tables.map { UInt64($0) }
    }

    /// Reads a header, and believes nothing of it that cannot be.
    init(header: WordReader) throws(PageProblem) {
        if header[0] != Self.magic { throw .foreign }
        guard header[1] == Self.version else { throw .otherVersion(header[1]) }
        func table(_ word: Int, smallest: Int) throws(PageProblem) -> Table {
            let words = (header[word], header[word + 1], header[word + 2])
            guard words.0 <= UInt64(Self.largestPage), words.1 <= UInt64(Self.largestPage),
                words.2 <= UInt64(Self.largestPage)
            else { throw .damaged }
            let table = Table(offset: Int(words.0), size: Int(words.1), count: Int(words.2))
            guard table.offset >= Self.headerSize, table.size >= smallest, table.offset % 8 == 0, table.size % 8 == 0,
                table.end <= Self.largestPage
            else { throw .damaged }
            return table
        }
        master = try table(6, smallest: Self.masterSize)
        services = try table(9, smallest: Self.serviceSize)
        processes = try table(12, smallest: Self.processSize)
        events = try table(15, smallest: Self.eventSize)
        if master.count != 1 { throw .damaged }
    }
}

/// Why a file cannot be read as a status page.
package enum PageProblem: Error, Equatable, Sendable {
    /// It does not begin as one.
    case foreign
    case otherVersion(UInt64)
    /// The header says what cannot be.
    case damaged
    /// The file ends before the page does.
    case cutOff
    /// No plain file: a directory, a FIFO, a device.
    case noFile
    /// A newer page has taken its place each time it was read.
    case superseded
}
