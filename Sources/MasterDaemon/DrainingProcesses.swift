//===----------------------------------------------------------------------===//
// Quartermaster: whom master watches though they are no children of it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import SystemCalls

/// Processes that finish the clients of children that have left; see `Master+Draining.swift`.
struct DrainingProcesses {
    private var watched: [Int32: DrainingProcess] = [:]
    /// Those that could not be watched. They count in a row that nobody else may have.
    var unwatched: [Int32] = []
    /// Children can bring it about that one cannot be watched.
    var gate = MessageGate(intervalSeconds: 60)

    subscript(pid: Int32) -> DrainingProcess? { watched[pid] }

    var count: Int { watched.count }

    mutating func add(_ process: DrainingProcess) { watched[process.pid] = process }

    /// - Returns: whether it was watched.
    mutating func forget(_ pid: Int32, _ loop: inout EventLoop) -> Bool {
        guard let process = watched.removeValue(forKey: pid) else { return false }
        loop.remove(process.watch)
        return true
    }
}

/// One of them, by a descriptor that stands for this process alone, whoever gets its pid.
final class DrainingProcess {
    let pid: Int32
    private let handle: Descriptor
    let watch: WatchID
    /// It runs as `mail_owner`, like whoever has named it: ending it takes no more than that.
    let mayBeEnded: Bool

    /// - Parameter owner: user id of `mail_owner`.
    init(_ pid: Int32, owner: UInt32, _ loop: inout EventLoop) throws(SystemError) {
        let handle = try openProcess(pid)
        // Of master's own session: what was forked by its children, unless it has left for another one.
        let isOurs = sessionID(ofProcess: pid) == sessionID(ofProcess: 0)
        let users = users(ofProcess: pid)
        // Only now is it sure that all this was about the process that the descriptor stands for.
        let hasEnded = try handle.number.waitForInput(milliseconds: 0)
        if !isOurs || hasEnded { throw SystemError(.pidfdOpen, .noSuchProcess) }
        mayBeEnded = Identity.effectiveUser != 0 || users?.allSatisfy { $0 == owner } == true
        watch = try loop.watch(
            handle.number,
            for: .readable,
            token: EventToken(kind: MasterEvent.drainingEnded.rawValue, index: UInt32(bitPattern: pid))
        )
        self.pid = pid
        self.handle = handle
    }

    func send(_ signal: Signal) { try? handle.number.sendSignal(signal) }
}
