//===----------------------------------------------------------------------===//
// Quartermaster: Descriptor, the one owner of an open file descriptor
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// Owns one descriptor: it is closed when this value ends, or earlier by `close()`, which reports errors.
package struct Descriptor: ~Copyable, Sendable {
    package let number: DescriptorNumber

    /// Takes over a descriptor that no other value closes.
    package init(owning number: DescriptorNumber) {
        self.number = number
    }

    deinit {
        let result = cposix_close(number.rawValue)
        // It was closed elsewhere: the next descriptor of that number would be closed under its owner's feet.
        assert(result != -EBADF, "descriptor \(number.rawValue) was closed by code that does not own it")
    }

    /// close(2).
    package consuming func close() throws(SystemError) {
        let result = cposix_close(number.rawValue)
        discard self
        if result < 0 { throw SystemError(.close, Errno(rawValue: -result)) }
    }

    /// Gives the descriptor away, for a process that goes on to use the bare number (a client that leaves).
    package consuming func release() -> DescriptorNumber {
        let number = self.number
        discard self
        return number
    }
}

/// The number of a descriptor with another owner: to use, not to close.
package struct DescriptorNumber: Hashable, Sendable {
    package let rawValue: CInt

    package init(_ rawValue: CInt) { self.rawValue = rawValue }

    package static let standardInput = DescriptorNumber(0)
    package static let standardOutput = DescriptorNumber(1)
    package static let standardError = DescriptorNumber(2)
}

extension DescriptorNumber {
    /// fcntl(2) F_DUPFD_CLOEXEC: a copy with the lowest free number not below `lowest`.
    package func duplicate(atLeast lowest: CInt) throws(SystemError) -> Descriptor {
        Descriptor(owning: DescriptorNumber(try calling(.fcntl) { cposix_duplicate(rawValue, lowest) }))
    }

    /// dup2(2): makes `target` another name of this open file, without close-on-exec.
    package func copy(onto target: DescriptorNumber) throws(SystemError) {
        _ = try calling(.dup2) { cposix_dup2(rawValue, target.rawValue) }
    }

    /// fcntl(2) F_SETFL O_NONBLOCK. A property of the open file: every process that shares it sees the change.
    package func setNonBlocking(_ on: Bool) throws(SystemError) {
        let flags = try calling(.fcntl) { cposix_status_flags(rawValue) }
        let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        if wanted != flags { _ = try calling(.fcntl) { cposix_set_status_flags(rawValue, wanted) } }
    }

    /// fcntl(2) F_SETFD.
    package func setCloseOnExec(_ on: Bool) throws(SystemError) {
        _ = try calling(.fcntl) { cposix_set_descriptor_flags(rawValue, on ? FD_CLOEXEC : 0) }
    }

    /// Whether the number is open at all.
    package var isOpen: Bool { cposix_status_flags(rawValue) >= 0 }

    /// isatty(3).
    package var isTerminal: Bool { isatty(rawValue) == 1 }
}

/// close_range(2): closes every descriptor from `lowest` up.
package func closeAll(from lowest: CInt, to highest: CInt = .max) throws(SystemError) {
    _ = try calling(.closeRange) { cposix_close_range(CUnsignedInt(lowest), CUnsignedInt(highest)) }
}
