//===----------------------------------------------------------------------===//
// Quartermaster: where everything is in the page that workers count in
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The page in which the daemons on our skeletons count what they do. master makes it, as `mail_owner`'s file; each
/// process has a record of its own in it, and only adds to that; master takes over the counts of a process that has
/// ended. master.workers(5) describes it for others.
///
///     header | holders … | totals … | rows …
///
/// `PageForm` says what a holder is, and who holds a count. A total is what all processes of a service have counted
/// that are gone.
///
/// The version changes with anything here: whoever finds another one neither counts nor reads.
package enum WorkerPage {
    /// Below the queue directory.
    package static var path: String { "pid/master.workers" }
    /// "QMWORKER" as a word.
    package static var magic: UInt64 { 0x5245_4b52_4f57_4d51 }
    package static var version: UInt64 { 1 }

    package static var rowCount: Int { 1024 }
    /// The last total is for services that have none of their own.
    package static var totalCount: Int { 256 }
    package static var recordSize: Int { 512 }

    static var form: PageForm {
        PageForm(
            magic: magic,
            version: version,
            byteCount: pageSize,
            allocatedCount: pageSize,
            holderCount: rowCount,
            ownWord: 1
        )
    }
    /// A word of the header: not 0 when master follows the heirs of rows. One of an earlier version does not, and gives
    /// the row away.
    static var followsHeirs: Int { PageForm.Header.own }

    static var totalsOffset: Int { PageForm.holdersOffset + rowCount * 8 }
    static var rowsOffset: Int { totalsOffset + totalCount * recordSize }
    package static var pageSize: Int { rowsOffset + rowCount * recordSize }

    static func total(_ index: Int) -> Int { totalsOffset + index * recordSize }
    static func row(_ row: Int) -> Int { rowsOffset + row * recordSize }
}

/// A record: a name, and counters.
@usableFromInline enum WorkerRecord {
    /// `name/type` as in master.cf, cut off where it does not fit, with zeros behind it.
    static var nameSize: Int { 96 }
    /// The process that says it goes on with the row when its holder has ended, or 0.
    static var heirPlace: Int { 96 }
    @inlinable static var countersPlace: Int { 128 }
    static var counterCount: Int { 6 }
    static var histogramPlace: Int { 192 }
    static var bucketCount: Int { HandlerTimes.bucketCount }
}

/// What is counted, in the order of the record. Counters only grow.
public enum WorkerCounter: Int, CaseIterable, Sendable {
    /// Connections that were accepted, and those of them that are over.
    case accepted, closed
    /// Requests, or datagrams.
    case requests
    /// Bytes from clients and to them.
    case received, sent
    /// Nanoseconds in which requests were dealt with.
    case handling

    @inlinable var place: Int { WorkerRecord.countersPlace &+ rawValue &* 8 }
}

/// How long requests took, counted by length.
package enum HandlerTimes {
    /// Bucket `i` counts those of less than `2^i` microseconds that are in no bucket before; the last one all others.
    package static var bucketCount: Int { 24 }

    /// In microseconds; nil for the last one.
    package static func upperBound(_ bucket: Int) -> Int64? { bucket == bucketCount - 1 ? nil : 1 << bucket }

    @inline(__always)
    static func bucket(nanoseconds: UInt64) -> Int {
        let microseconds = nanoseconds / 1000
        return min(UInt64.bitWidth - microseconds.leadingZeroBitCount, bucketCount - 1)
    }
}
