//===----------------------------------------------------------------------===//
// Quartermaster: writes that fail on purpose, by who reads them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#if DEBUG

import Glibc
import Synchronization

/// The fake network of the tests: what is written to one peer fails after so many bytes. Debug builds only: what a
/// daemon links has no word of it.
///
/// A peer is known by its address, which the kernel keeps for a connection and a datagram says itself, so that it does
/// not matter which descriptor a server has for it. Any thread.
package enum WritePlan {
    private struct Course {
        /// Bytes that are taken yet.
        var left: Int
        let code: Errno
        /// Whether the failure passes: the first write fails, and those behind it do not.
        let isOnce: Bool
    }

    /// By the bytes of addresses, which are the same where they were bound and where the kernel tells them.
    private static let courses = Mutex<[[UInt8]: Course]>([:])

    /// Lets `count` bytes pass, and fails what is written then.
    package static func fail(to peer: SocketAddress, after count: Int, with code: Errno, once: Bool) {
        courses.withLock { $0[peer.bytes] = Course(left: max(count, 0), code: code, isOnce: once) }
    }

    package static func forget(_ peer: SocketAddress) { _ = courses.withLock { $0.removeValue(forKey: peer.bytes) } }

    static var isEmpty: Bool { courses.withLock { $0.isEmpty } }

    /// A write of `count` bytes to whoever is at the other end: `call` makes it, with as many bytes as pass. Its
    /// result, or -errno.
    static func writing(_ number: DescriptorNumber, _ count: Int, _ call: (Int) -> Int) -> Int {
        guard !isEmpty, let peer = try? number.name(ofPeer: true) else { return call(count) }
        let passing = allowance(peer.bytes, count)
        guard passing > 0 else { return passing == 0 ? call(count) : passing }
        let written = call(passing)
        if written > 0 { took(written, peer.bytes) }
        return written
    }

    /// A datagram of `count` bytes is about to be sent to `peer`: whether it may, else -errno.
    static func sending(_ peer: [UInt8], _ count: Int) -> Int {
        if isEmpty { return 0 }
        let passing = allowance(peer, count, whole: true)
        if passing > 0 { took(count, peer) }
        return min(passing, 0)
    }

    /// Bytes that pass; 0 where nobody has a plan, or there is nothing to write; -errno.
    private static func allowance(_ peer: [UInt8], _ count: Int, whole: Bool = false) -> Int {
        courses.withLock { courses in
            guard let course = courses[peer], count > 0 else { return 0 }
            if whole ? course.left >= count : course.left > 0 { return min(course.left, count) }
            if course.isOnce { courses[peer] = nil }
            return -Int(course.code.rawValue)
        }
    }

    private static func took(_ count: Int, _ peer: [UInt8]) {
        courses.withLock { $0[peer]?.left -= count }
    }
}
#endif
