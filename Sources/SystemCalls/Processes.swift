//===----------------------------------------------------------------------===//
// Quartermaster: child processes: started, signalled, reaped
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import CPosix
import Glibc

/// Everything a new process gets, prepared before the fork: path, argv, environment and descriptor moves.
package struct ChildImage: Sendable {
    package var path: String
    package var arguments: [String]
    /// `NAME=value` each.
    package var environment: [String]
    /// Moves made in order; the caller sees to it that no source is the target of an earlier move, or its own.
    package var moves: [(from: DescriptorNumber, to: DescriptorNumber)]
    /// Of a program of others: it gets a session of its own, and no descriptor from this number on; nil for neither.
    package var closedFrom: DescriptorNumber?
    /// Who the program runs as, with this group alone; nil for who we are. Never root.
    package var identity: (uid: UInt32, gid: UInt32)?

    /// What may become the source of a move lives here and above, out of the way of the targets, which are small. Where
    /// there are more targets than numbers below, the caller makes copies above them all.
    package static var lowestSource: CInt { 16 }

    package init(
        path: String,
        arguments: [String],
        environment: [String],
        moves: [(from: DescriptorNumber, to: DescriptorNumber)]
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.moves = moves
    }
}

/// What became of a spawn.
package enum SpawnOutcome: Equatable, Sendable {
    case started(pid: Int32)
    /// The child existed, but could not exec, or take its identity (then the call is `setuid`); it exits with status 1
    /// and is reaped like any other.
    case execFailed(pid: Int32, SystemError)
    /// The child existed, but could not put a descriptor where it belongs; it exits with status 1.
    case moveFailed(pid: Int32, to: DescriptorNumber, SystemError)
    /// No child: fork failed.
    case forkFailed(SystemError)
}

/// fork and exec. The child half is C (see `spawn.c` in CPosix); the caller sleeps until exec or failure.
package func spawn(_ image: borrowing ChildImage) -> SpawnOutcome {
    #if DEBUG
    if let code = FaultPlan.next(.spawn) { return .forkFailed(SystemError(.fork, code)) }
    #endif
    var failure = cposix_spawn_failure()
    let moves = image.moves.map { cposix_move(from: $0.from.rawValue, to: $0.to.rawValue) }
    let shell = ["/bin/sh", image.path] + image.arguments.dropFirst()
    let pid = unsafe withCStrings(image.arguments) { arguments in
        unsafe withCStrings(shell) { shell in
            unsafe withCStrings(image.environment) { environment in
                unsafe withPath(image.path) { path in
                    unsafe moves.withUnsafeBufferPointer { moves in
                        var child = unsafe cposix_child_image(
                            path: path,
                            arguments: arguments,
                            shell_arguments: shell,
                            environment: environment,
                            moves: moves.baseAddress,
                            move_count: CUnsignedInt(moves.count),
                            close_from: CUnsignedInt(image.closedFrom?.rawValue ?? 0),
                            changes_identity: image.identity == nil ? 0 : 1,
                            uid: image.identity?.uid ?? 0,
                            gid: image.identity?.gid ?? 0
                        )
                        return unsafe cposix_spawn(&child, &failure)
                    }
                }
            }
        }
    }
    if pid < 0 { return .forkFailed(SystemError(.fork, Errno(rawValue: -pid))) }
    if failure.error == 0 { return .started(pid: pid) }
    let error = SystemError(.spawn, Errno(rawValue: failure.error))
    if failure.stage == CPOSIX_STAGE_MOVE.rawValue {
        return .moveFailed(pid: pid, to: DescriptorNumber(failure.descriptor), error)
    }
    if failure.stage == CPOSIX_STAGE_IDENTITY.rawValue {
        return .execFailed(pid: pid, SystemError(.setuid, Errno(rawValue: failure.error)))
    }
    return .execFailed(pid: pid, error)
}

/// A NULL-terminated vector of C strings in one block, for the time of `body`.
func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var block: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(block.count)
        block.append(contentsOf: string.rawBytes.map { CChar(bitPattern: $0) })
        block.append(0)
    }
    return unsafe block.withUnsafeMutableBufferPointer { bytes in
        var vector: [UnsafeMutablePointer<CChar>?] = unsafe []
        for offset in offsets { unsafe vector.append(bytes.baseAddress! + offset) }
        unsafe vector.append(nil)
        return unsafe vector.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}

/// How a process ended, or that it was stopped.
package enum WaitStatus: Equatable, Sendable {
    case exited(status: Int32)
    case signaled(Int32)
    case stopped(Int32)

    fileprivate init(kind: CInt, value: CInt) {
        self = kind == 0 ? .exited(status: value) : kind == 1 ? .signaled(value) : .stopped(value)
    }
}

/// Processors that this process may run on, at least 1; 1 where there are more than sched_getaffinity(2) has room for.
package func availableProcessors() -> Int { Int(cposix_processors()) }

/// waitpid(2) for any child, without waiting: nil when no child has ended or stopped.
package func reapChild() -> (pid: Int32, status: WaitStatus)? {
    var kind: CInt = 0
    var value: CInt = 0
    guard let pid = try? calling(.waitpid, { unsafe cposix_reap(&kind, &value) }), pid > 0 else { return nil }
    return (pid, WaitStatus(kind: kind, value: value))
}

/// prctl(2): processes that are started by our children, and theirs, become children of this process when their parent
/// ends, and have to be waited for like any other.
package func adoptOrphans() throws(SystemError) { _ = try calling(.prctl) { cposix_adopt_orphans() } }

/// waitpid(2) without waiting: whether this process is a child of ours that has not ended. One that has is gone now.
package func isLivingChild(_ pid: Int32) -> Bool {
    var status: CInt = 0
    return unsafe waitpid(pid, &status, WNOHANG) == 0
}

/// pidfd_open(2): readable when the process has ended; a child still has to be waited for.
package func openProcess(_ pid: Int32) throws(SystemError) -> Descriptor {
    Descriptor(owning: DescriptorNumber(try calling(.pidfdOpen) { cposix_open_process(pid) }))
}

/// waitpid(2) for one child, until it ended.
package func waitForChild(_ pid: Int32) throws(SystemError) -> WaitStatus {
    var kind: CInt = 0
    var value: CInt = 0
    _ = try calling(.waitpid) { unsafe cposix_wait_for(pid, &kind, &value) }
    return WaitStatus(kind: kind, value: value)
}

/// waitpid(2) for one child, without waiting: whether it has ended.
package func hasChildEnded(_ pid: Int32) -> Bool {
    var status: CInt = 0
    return unsafe waitpid(pid, &status, WNOHANG) != 0
}

/// getsid(2) of a process, 0 for this one; nil when there is none.
package func sessionID(ofProcess pid: Int32) -> Int32? {
    let session = getsid(pid)
    return session < 0 ? nil : session
}

/// Real, effective and saved user of a process, and that of its file accesses, as proc(5) tells; nil when there is
/// none.
package func users(ofProcess pid: Int32) -> [UInt32]? {
    guard let bytes = try? readFile("/proc/\(pid)/status").bytes else { return nil }
    let name = Array("Uid:".utf8)
    guard let line = bytes.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: name) }) else {
        return nil
    }
    let numbers = line.dropFirst(name.count).split(separator: UInt8(ascii: "\t"))
    let users = numbers.compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
    return users.count == 4 ? users : nil
}

extension DescriptorNumber {
    /// pidfd_send_signal(2).
    package func sendSignal(_ signal: Signal) throws(SystemError) {
        _ = try calling(.kill) { cposix_signal_process(rawValue, signal.rawValue) }
    }
}

/// kill(2). A negative pid means a process group.
package func sendSignal(_ signal: Signal, to pid: Int32) throws(SystemError) {
    _ = try calling(.kill) { cposix_kill(pid, signal.rawValue) }
}

/// system(3): runs a shell command and waits for it.
package func runShellCommand(_ command: String) { _ = unsafe system(command) }

/// fork(2): 0 in the child. Only for a process that goes on without exec (the `-w` monitor, a drained server).
package func forkProcess() throws(SystemError) -> Int32 {
    try calling(.fork) { cposix_fork() }
}

/// Whether the process has threads beside the one that asks, which a child of fork(2) would not have. Yes where nobody
/// knows.
package func hasOtherThreads() -> Bool { cposix_has_other_threads() > 0 }

/// fork(2) for a task that may take long: returns nil in the helper, which goes on from here in a copy of this process
/// with nothing open but `kept` and the standard descriptors, catches no signal, and is killed when its parent ends.
package func forkHelper(keeping kept: DescriptorNumber) throws(SystemError) -> Int32? {
    let pid = try calling(.fork) { cposix_fork_helper(kept.rawValue) }
    return pid == 0 ? nil : pid
}

/// setsid(2); the second attempt of a process that leads its session already is no error.
package func startSession() throws(SystemError) {
    do throws(SystemError) {
        _ = try calling(.setsid) { cposix_setsid() }
    } catch {
        if getsid(0) != getpid() { throw error }
    }
}

/// The arguments of this process, program first, byte for byte: `CommandLine.arguments` repairs what is no UTF-8.
package func commandLine() -> [String] {
    let vector = unsafe CommandLine.unsafeArgv
    return (0..<Int(CommandLine.argc)).compactMap { index in
        guard let argument = unsafe vector[index] else { return nil }
        return unsafe String(rawBytes: UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
    }
}

/// getpid(2).
package func processID() -> Int32 { getpid() }

/// kill(2) with no signal: whether there is such a process, or one that has ended and was not waited for.
package func isThere(process pid: Int32) -> Bool { kill(pid, 0) == 0 || errno == EPERM }

/// getppid(2).
package func parentProcessID() -> Int32 { getppid() }

/// exit(3) runs no more of our code; buffers of ours are written before.
package func exitProcess(_ status: Int32) -> Never { exit(status) }

/// _exit(2), for a forked process that must leave its parent's state alone.
package func exitAtOnce(_ status: Int32) -> Never { _exit(status) }

/// abort(3).
package func abortProcess() -> Never { abort() }

/// usleep(3) in milliseconds, 71 minutes at most; a signal ends it early. Only where nothing else can go on.
package func pause(milliseconds: UInt32) { usleep(UInt32(clamping: UInt64(milliseconds) * 1000)) }

/// usleep(3); a signal ends it early.
package func pause(microseconds: UInt32) { usleep(microseconds) }

/// malloc_trim(3), and madvise(2) of pages that are only mapped: a process that is about to wait for work looks as
/// small as it is. What it needs again comes back from the page cache.
package func forgetStart() { cposix_forget_start() }
