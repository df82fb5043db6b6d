//===----------------------------------------------------------------------===//
// Quartermaster: services that receive datagrams
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import SystemCalls

/// A service that receives datagrams and sends no answers. It gets them in batches, where they were received.
public protocol DatagramService: Service, ~Copyable {
    /// The datagrams that were waiting, in order; at least one.
    mutating func received(_ datagrams: inout Datagrams)
}

/// The datagrams of one batch, in the memory they were received in. At most 4096 bytes are kept of each; a span lives
/// as long as the handler runs.
public struct Datagrams: ~Copyable {
    var batch: DatagramBatch

    init(capacity: Int, datagramSize: Int) {
        batch = DatagramBatch(capacity: capacity, datagramSize: datagramSize)
    }

    public var count: Int { batch.count }

    /// The bytes of one datagram; may be empty.
    public subscript(index: Int) -> RawSpan {
        @_lifetime(borrow self)
        get { batch[index] }
    }

    /// A copy of one datagram as text, for what is done rarely.
    public func text(_ index: Int) -> String { String(decoding: batch[index].array, as: UTF8.self) }

    /// Whether the datagram was longer than what is kept.
    public func isTruncated(_ index: Int) -> Bool { batch.length(index).isTruncated }

    /// Appends all datagrams to a file, each with a newline behind it, in order and with one system call.
    ///
    /// On an error some of them may have been written.
    public mutating func appendLines(to file: ServiceFile) throws(ServiceError) {
        do throws(SystemError) {
            try batch.writeLines(to: file.descriptor.number)
        } catch {
            throw ServiceError(error)
        }
    }
}
