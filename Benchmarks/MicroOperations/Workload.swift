//===----------------------------------------------------------------------===//
// Quartermaster: one side of a comparison while it is being measured
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import FixedMemory
import SystemCalls

/// An operation that is ready to run: ours, or its peer in C. The measurement sees no difference.
package protocol Workload: AnyObject {
    /// Brings about what one run needs. Not a part of what is measured.
    func prepare() throws
    /// Does the operation `times` times. Returns what it came to (events, bytes, entries), which is the same on both
    /// sides of a comparison.
    func run(_ times: Int) throws -> Int
}

/// Our code for one operation, with all it needs.
protocol Subject: ~Copyable {
    mutating func prepare() throws(SystemError)
    mutating func run(_ times: Int) throws(SystemError) -> Int
}

extension Subject where Self: ~Copyable {
    mutating func prepare() throws(SystemError) {}
}

/// Our side. The one indirect call is around all repetitions, not around each.
@safe final class OurWorkload<S: Subject & ~Copyable>: Workload {
    /// Behind an address and not a stored property, whose every access would be checked for exclusivity at run time:
    /// a good part of the shortest operations, and not theirs.
    private let subject: UnsafeMutablePointer<S>

    init(_ subject: consuming S) {
        unsafe self.subject = .allocate(capacity: 1)
        unsafe self.subject.initialize(to: subject)
    }

    deinit {
        unsafe subject.deinitialize(count: 1)
        unsafe subject.deallocate()
    }

    func prepare() throws { try unsafe subject.pointee.prepare() }

    func run(_ times: Int) throws -> Int { try unsafe subject.pointee.run(times) }
}

/// The other side: the same in C.
@safe final class PeerWorkload: Workload {
    private let peer: OpaquePointer
    /// What the peer reads; it keeps the address.
    private let input: FixedBytes

    /// - Parameter size: watchers, timers and the like, for an operation that reads no input.
    init(_ operation: cpeers_operation, size: Int) {
        input = FixedBytes(count: 1)
        unsafe peer = cpeers_make(operation, nil, Int64(size))
    }

    init(_ operation: cpeers_operation, input bytes: [UInt8]) {
        let input = FixedBytes(copying: bytes)
        // The block lives as long as this object, which ends the peer first.
        unsafe peer = cpeers_make(operation, input.unsafeBase, Int64(bytes.count))
        self.input = input
    }

    deinit { unsafe cpeers_destroy(peer) }

    func prepare() { unsafe cpeers_prepare(peer) }

    func run(_ times: Int) -> Int { unsafe Int(cpeers_run(peer, Int64(times))) }
}

extension FixedBytes {
    /// A block with the bytes of `bytes`.
    init(copying bytes: [UInt8]) {
        self.init(count: max(bytes.count, 1))
        var target = mutableBytes
        for index in bytes.indices { target.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self) }
    }
}

/// Descriptors of the surroundings that an operation needs; closed together.
struct OpenDescriptors: ~Copyable {
    let numbers: [CInt]

    init(_ numbers: [CInt]) { self.numbers = numbers }

    deinit {
        for number in numbers { cpeers_close(number) }
    }
}
