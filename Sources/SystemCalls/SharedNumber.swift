//===----------------------------------------------------------------------===//
// Quartermaster: a number that threads count in, and other processes read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CPosix
import Glibc

/// One word of shared memory, for whoever counts in it from any thread; trivially copyable. It may outlive nothing but
/// what keeps the memory: see `SharedMemory.number`.
///
/// What is counted for each request is public and inlinable, though no product shows it, as in `FixedMemory`.
@safe public struct SharedNumber: @unchecked Sendable {
    @usableFromInline let word: UnsafeMutablePointer<UInt64>

    init(_ word: UnsafeMutablePointer<UInt64>) { unsafe self.word = word }

    @inlinable public var bits: UInt64 { unsafe cposix_word(word) }

    @inlinable @inline(__always)
    public func store(_ bits: UInt64) { unsafe cposix_store_word(word, bits) }

    @inlinable @inline(__always)
    public func add(_ number: UInt64) { unsafe cposix_count_together(word, number) }

    /// The bits as those of a Double.
    @inlinable public var real: Double { Double(bitPattern: bits) }

    @inlinable public func add(real: Double) {
        while true {
            let old = bits
            let sum = (Double(bitPattern: old) + real).bitPattern
            if unsafe cposix_replace_word(word, old, sum) != 0 { return }
        }
    }
}

extension SharedMemory {
    /// The word at `offset`. Whoever keeps it keeps the memory as well, for as long.
    package func number(at offset: Int) -> SharedNumber {
        precondition(offset >= 0 && offset < byteCount && offset % 8 == 0)
        return unsafe SharedNumber(base + offset / 8)
    }
}

/// One thread at a time, for what is short and rare. Never given back to the system, and no system call while nobody
/// else is there.
@safe package final class ThreadLock: Sendable {
    private let word: SharedNumber

    package init() {
        let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        unsafe memory.initialize(to: 0)
        word = unsafe SharedNumber(memory)
    }

    deinit { unsafe word.word.deallocate() }

    package func held<Result>(_ body: () -> Result) -> Result {
        while unsafe cposix_replace_word(word.word, 0, 1) == 0 { sched_yield() }
        defer { unsafe cposix_publish_word(word.word, 0) }
        return body()
    }

    /// In a child, which has none of its parent's other threads: nobody holds it.
    package func open() { unsafe cposix_publish_word(word.word, 0) }
}

/// Which thread this is, among those of the process.
package struct ThreadIdentity: Equatable, Sendable {
    private let number: UInt

    package static var current: ThreadIdentity { ThreadIdentity(number: UInt(pthread_self())) }
}
