//===----------------------------------------------------------------------===//
// Quartermaster: a batch of datagrams, and the answers to it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import SystemCalls

/// The datagrams of one batch, in the memory they were received in; a span lives as long as the handler runs. Answers
/// are collected, and sent together when the handler has returned, or before that when there are many.
public struct Datagrams: ~Copyable {
    /// Memory that the answers of one batch may take.
    private static let replyMemory = 1 << 18

    var batch: DatagramBatch
    /// Made with the first answer: many services have none.
    var replies: DatagramReplies?
    private var scratch: Reply
    private let replySize: Int

    init(capacity: Int, datagramSize: Int, replySize: Int) {
        batch = DatagramBatch(capacity: capacity, datagramSize: datagramSize, keepsOrigins: true)
        scratch = Reply(capacity: replySize)
        self.replySize = replySize
    }

    /// When the present turn began.
    public var time: ServiceTime { scratch.time }

    mutating func begin(_ time: ServiceTime) { scratch.begin(time) }

    public var count: Int { batch.count }

    public var indices: Range<Int> { 0..<batch.count }

    /// The bytes of one datagram; may be empty.
    public subscript(index: Int) -> RawSpan {
        @_lifetime(borrow self)
        get { batch[index] }
    }

    /// A copy of one datagram as text, for what is done rarely.
    public func text(_ index: Int) -> String { String(decoding: batch[index].array, as: UTF8.self) }

    /// Whether the datagram was longer than what is kept.
    public func isTruncated(_ index: Int) -> Bool { batch.length(index).isTruncated }

    /// Who has sent one datagram; nil for a UNIX socket that has no name, which cannot be answered.
    ///
    /// Of `udp` it is what the datagram says, and anybody can write another address into it.
    public func sender(_ index: Int) -> DatagramSender? { batch.origin(index).map(DatagramSender.init) }

    // MARK: answers

    /// Answers one datagram with what `body` appends; it gets the datagram, too. To append nothing sends nothing.
    ///
    /// The answer leaves from the address that the datagram was sent to. It may get lost, and so may one that the
    /// kernel has no room for: nothing waits, and a warning says how many were lost.
    ///
    /// - Returns: whether there is somebody to answer.
    @discardableResult
    public mutating func reply(to index: Int, _ body: (RawSpan, inout Reply) -> Void) -> Bool {
        guard let origin = batch.origin(index) else { return false }
        scratch.reset()
        Self.ask(body, batch, index, &scratch)
        take(to: origin)
        return true
    }

    /// Sends what `body` appends to somebody who has sent a datagram before: in this batch, or in an earlier one.
    public mutating func send(to sender: DatagramSender, _ body: (inout Reply) -> Void) {
        scratch.reset()
        body(&scratch)
        take(to: sender.origin)
    }

    private mutating func take(to origin: DatagramOrigin) {
        if replies == nil {
            let capacity = min(64, max(1, Self.replyMemory / replySize))
            replies = DatagramReplies(capacity: capacity, datagramSize: replySize)
        }
        // Half an answer would be a wrong one.
        if scratch.isOverfull {
            replies?.giveUp(to: origin, .messageTooLong)
        } else if scratch.count > 0 {
            Self.add(scratch, &replies, origin)
        }
    }

    // The compiler tells the parts of this value apart only where they are handed over one by one.
    private static func ask(
        _ body: (RawSpan, inout Reply) -> Void,
        _ batch: borrowing DatagramBatch,
        _ index: Int,
        _ scratch: inout Reply
    ) {
        body(batch[index], &scratch)
    }

    private static func add(_ scratch: borrowing Reply, _ replies: inout DatagramReplies?, _ origin: DatagramOrigin) {
        replies?.append(scratch.buffer.bytes, to: origin)
    }

    // MARK: files

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
