//===----------------------------------------------------------------------===//
// Quartermaster: the record a child writes about itself
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What a child says with one write on its status channel: whether it accepts work or has some.
///
/// `MasterProtocol` holds what parent and child agree on: numbers, names and layouts, without doing anything with them.
/// This type turns the 12 bytes into values and back; it never judges whether the values make sense.
package struct StatusReport: Equatable, Sendable {
    /// Process that sent the report.
    package var pid: Int32
    /// The life the report belongs to: the number the sender found in `GENERATION`, 0 when there was none.
    package var generation: UInt32
    /// Raw, because a child can send anything; see `Availability` for the two legitimate values.
    package var availability: Int32

    package init(pid: Int32, generation: UInt32, availability: Int32) {
        self.pid = pid
        self.generation = generation
        self.availability = availability
    }

    package init(pid: Int32, generation: Generation, availability: Availability) {
        self.init(pid: pid, generation: generation.rawValue, availability: availability.rawValue)
    }
}

/// The two things a child can say of itself.
package enum Availability: Int32, Sendable {
    /// Busy: another process has to look after the endpoint.
    case taken = 0
    /// Idle: this process accepts.
    case available = 1
}

// Layout: three 4-byte words in native byte order, no padding. Parent and child share one machine.
extension StatusReport {
    /// Bytes of one record, and of every legitimate write on a status channel.
    package static var byteCount: Int { 12 }

    /// Reads the record that starts at `offset`; traps unless 12 bytes follow it.
    package init(decoding bytes: RawSpan, at offset: Int = 0) {
        precondition(offset >= 0 && bytes.byteCount - offset >= Self.byteCount, "status record out of bounds")
        // Every bit pattern is a valid integer, and the range was checked above.
        pid = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self)
        generation = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
        availability = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: Int32.self)
    }

    /// Writes the record to the first 12 bytes of `bytes`; traps when there are fewer.
    package func encode(into bytes: inout MutableRawSpan) {
        precondition(bytes.byteCount >= Self.byteCount, "no room for a status record")
        bytes.storeBytes(of: pid, as: Int32.self)
        bytes.storeBytes(of: generation, toByteOffset: 4, as: UInt32.self)
        bytes.storeBytes(of: availability, toByteOffset: 8, as: Int32.self)
    }

    /// The record as a value of its own, for a caller that keeps it ready to send.
    package var encoded: InlineArray<12, UInt8> {
        var bytes = InlineArray<12, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        // Any bytes may be written over bytes.
        var raw = unsafe span.mutableBytes
        encode(into: &raw)
        return bytes
    }
}
