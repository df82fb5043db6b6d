//===----------------------------------------------------------------------===//
// Quartermaster: whom master watches though they are no children of it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import SystemCalls

/// Processes that finish the clients of children that have left; see `Master+Draining.swift`.
struct DrainingProcesses {
    private var processes: [Int32: DrainingProcess] = [:]
    /// Children can bring it about that one cannot be watched.
    var gate = MessageGate(intervalSeconds: 60)
    /// While there is one that is not watched.
    var retryTimer: WatchID?

    subscript(pid: Int32) -> DrainingProcess? { processes[pid] }

    var count: Int { processes.count }

    var unwatched: [DrainingProcess] { processes.values.filter { !$0.isWatched } }

    mutating func add(_ process: DrainingProcess) { processes[process.pid] = process }

    /// - Returns: whether it was known.
    mutating func forget(_ pid: Int32, _ loop: inout EventLoop) -> Bool {
        guard let process = processes.removeValue(forKey: pid) else { return false }
        process.unwatch(&loop)
        return true
    }
}

/// One of them: by a descriptor that stands for this process alone, whoever gets its pid; while the kernel refuses one,
/// by its pid.
final class DrainingProcess {
    let pid: Int32
    private let owner: UInt32
    private var handle: Descriptor?
    private var watch: WatchID?

    /// - Parameter owner: user id of `mail_owner`.
    init(_ pid: Int32, owner: UInt32) {
        self.pid = pid
        self.owner = owner
    }

    var isWatched: Bool { watch != nil }

    /// To be tried again where it fails; but ESRCH: there is no such process in master's own session, which what its
    /// children have forked is of, unless it has left for another one.
    func beginWatch(_ loop: inout EventLoop) throws(SystemError) {
        let handle = try openProcess(pid)
        let isOurs = sessionID(ofProcess: pid) == sessionID(ofProcess: 0)
        // Only now is it sure that all this was about the process that the descriptor stands for.
        let hasEnded = try handle.number.waitForInput(milliseconds: 0)
        if !isOurs || hasEnded { throw SystemError(.pidfdOpen, .noSuchProcess) }
        watch = try loop.watch(
            handle.number,
            for: .readable,
            token: EventToken(kind: MasterEvent.drainingEnded.rawValue, index: UInt32(bitPattern: pid))
        )
        self.handle = consume handle
    }

    func unwatch(_ loop: inout EventLoop) {
        if let watch { loop.remove(watch) }
        watch = nil
    }

    /// Only to one that is watched, since another process may have the pid of one that is not; and that runs as
    /// `mail_owner`, like whoever has named it: ending it takes no more than that.
    ///
    /// - Returns: whether it was sent.
    func send(_ signal: Signal) -> Bool {
        guard let number = handle?.number else { return false }
        let mayBeEnded = Identity.effectiveUser != 0 || users(ofProcess: pid)?.allSatisfy { $0 == owner } == true
        if mayBeEnded { try? number.sendSignal(signal) }
        return mayBeEnded
    }
}
