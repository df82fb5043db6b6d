//===----------------------------------------------------------------------===//
// Quartermaster: where everything is in the page of what services count themselves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The page in which services keep counters and gauges of their own. master makes it, as `mail_owner`'s file; a process
/// that has such figures takes a block of it, or several, with the first of them; one that has none never opens it.
/// master moves what a process has counted to its service when the process has ended. master.metrics(5) describes it
/// for others.
///
///     header | holders … | totals … | blocks …
///
/// `PageForm` says what a holder is, and who holds a count. A total is what all processes of a service have counted
/// that are gone. Blocks and totals are records, the first of which bears the name of the service; each other one is a
/// series. A block whose holder is master waits for room in the total of its service.
///
/// The file has holes where nothing is counted: whoever stores to one makes room on the disk before.
///
/// The version changes with anything here: whoever finds another one neither counts nor reads.
package enum MetricsPage {
    /// Below the queue directory.
    package static var path: String { "pid/master.metrics" }
    /// "QMMETRIC" as a word.
    static var magic: UInt64 { 0x4349_5254_454d_4d51 }
    static var version: UInt64 { 1 }

    package static var blockCount: Int { 1024 }
    package static var totalCount: Int { 128 }
    static var recordSize: Int { 256 }
    /// A page of memory, so that a process maps nothing but its own.
    static var blockSize: Int { 4096 }
    static var totalSize: Int { 32_768 }
    /// Series of one process in one block, and of one service in its total.
    package static var seriesPerBlock: Int { blockSize / recordSize - 1 }
    package static var seriesPerTotal: Int { totalSize / recordSize - 1 }
    /// Blocks that a process takes at most.
    package static var blocksPerProcess: Int { 8 }

    static var form: PageForm {
        PageForm(
            magic: magic,
            version: version,
            byteCount: pageSize,
            allocatedCount: totalsOffset,
            holderCount: blockCount
        )
    }
    /// A word of the header: series of processes that are gone for which there was no room in the total of their
    /// service.
    static var dropped: Int { PageForm.Header.own }

    static var totalsOffset: Int { PageForm.holdersOffset + blockCount * 8 }
    static var blocksOffset: Int { totalsOffset + totalCount * totalSize }
    package static var pageSize: Int { blocksOffset + blockCount * blockSize }

    /// The words of a record, by their places.
    enum Record {
        /// A `MetricKind`; 0 for a record that is not used.
        static var kind: Int { 0 }
        static var value: Int { 8 }
        static var count: Int { 16 }
        /// Of a series, or of a service; with zeros behind it where it is shorter.
        static var name: Int { 32 }
        static var nameSize: Int { recordSize - name }
    }

    /// The kind of a first record, as soon as the name is whole.
    static var isNamed: UInt64 { 1 }

    static func total(_ index: Int) -> Int { totalsOffset + index * totalSize }
    static func block(_ block: Int) -> Int { blocksOffset + block * blockSize }
}

/// What a series is, as its record says it.
package enum MetricKind: UInt64, CaseIterable, Sendable {
    /// Only grows; its value is an integer.
    case counter = 1
    /// Only grows; its value is the bits of a Double.
    case sum
    /// Goes up and down; its value is the bits of a Double. That of a process ends with it.
    case gauge
    /// The sum of what was observed, as the bits of a Double, and how often something was.
    case summary

    package var name: String { "\(self)" }
}
