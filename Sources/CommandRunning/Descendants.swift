//===----------------------------------------------------------------------===//
// Quartermaster: what commands have started, and left behind
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The processes that a command has started, those that began a session of their own as well: whose parent ends becomes
/// a child of this process. One command runs at a time, so all of them are its own.
///
/// Where the kernel keeps no list of children (CONFIG_PROC_CHILDREN), nobody is found.
struct Descendants: Sendable {
    /// Open for as long as the process lives.
    private let list: DescriptorNumber?

    /// Before a chroot, where there may be no /proc. A /proc of another process namespace has no such file.
    init() {
        do throws(SystemError) {
            try adoptOrphans()
            list = try openFile("/proc/self/task/\(processID())/children", .readOnly).release()
        } catch {
            list = nil
        }
    }

    /// Of one look; what does not fit is seen at the next one.
    private static let listSize = 4096

    /// Our children that have not ended; those that have are waited for.
    var living: [Int32] {
        guard let list, (try? list.seek(to: 0)) != nil else { return [] }
        guard let bytes = try? list.read(atMost: Self.listSize) else { return [] }
        // Behind each number is a blank. One that is cut off has none.
        let numbers = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).dropLast()
        return numbers.compactMap { Int32(String(decoding: $0, as: UTF8.self)) }.filter(isLivingChild)
    }

    /// Milliseconds.
    private static let patience: Int64 = 5000

    /// Kills them, then those that become our children by that, and so on; only children, so that nobody else's process
    /// is hit. One that the kernel does not let go, or lets start others faster than they are killed, is given up.
    func kill() {
        let end = Clock.monotonicNanoseconds() + Self.patience * 1_000_000
        repeat {
            var isAnyKilled = false
            for pid in living where (try? sendSignal(.kill, to: pid)) != nil { isAnyKilled = true }
            if !isAnyKilled { return }
            pause(milliseconds: 1)
        } while Clock.monotonicNanoseconds() < end
    }
}
