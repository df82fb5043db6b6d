//===----------------------------------------------------------------------===//
// Quartermaster: what a token of the flow pipe is good for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterProtocol
import SystemCalls

/// One byte in the pipe is the right to serve one client at once.
enum TokenPipe {
    enum Answer { case token, empty }

    /// What is wrong with it, if anything is. To be asked before anything is opened: another file may have got the
    /// numbers of a pipe that is not there.
    static func problem() -> SystemError? {
        do throws(SystemError) {
            for number in [InheritedDescriptor.flowWrite, InheritedDescriptor.flowRead] {
                _ = try DescriptorNumber(number).facts()
            }
            return nil
        } catch {
            return error
        }
    }

    static func get() -> Answer {
        let bytes = try? DescriptorNumber(InheritedDescriptor.flowRead).read(atMost: 1)
        return bytes?.isEmpty == false ? .token : .empty
    }
}

/// Clients without a token, which wait for `in_flow_delay` before they are heard.
struct InFlowDelay {
    private let milliseconds: Int64
    /// In the order in which their time is over.
    private var waiting: [(client: SlotID, until: LoopTime)] = []
    private var timer: WatchID?

    init(_ circumstances: Circumstances) {
        milliseconds = circumstances.isOneShot ? 0 : circumstances.inFlowDelayMilliseconds
    }

    /// Whether a client may be heard at once; costs a token.
    enum Verdict { case atOnce, later }

    mutating func judge() -> Verdict { milliseconds > 0 && TokenPipe.get() == .empty ? .later : .atOnce }

    /// For a process that serves one client after the other: the wait itself.
    mutating func wait() {
        if judge() == .later { pause(milliseconds: UInt32(milliseconds)) }
    }

    mutating func holdBack(_ client: SlotID, _ loop: inout EventLoop) {
        waiting.append((client, LoopTime(nanoseconds: loop.now.nanoseconds + milliseconds * 1_000_000)))
        if waiting.count == 1 { arm(&loop, milliseconds) }
    }

    func holdsBack(_ client: SlotID) -> Bool { waiting.contains { $0.client == client } }

    /// Those whose time is over now.
    mutating func release(_ loop: inout EventLoop) -> [SlotID] {
        let due = waiting.prefix { $0.until <= loop.now }.map(\.client)
        waiting.removeFirst(due.count)
        if let first = waiting.first { arm(&loop, first.until.milliseconds(since: loop.now) + 1) }
        return due
    }

    private mutating func arm(_ loop: inout EventLoop, _ milliseconds: Int64) {
        let timer = timer ?? loop.makeTimer(token: EventToken(.inFlowDelay))
        loop.arm(timer, milliseconds: max(milliseconds, 1))
        self.timer = timer
    }
}
