//===----------------------------------------------------------------------===//
// Quartermaster: a process that leaves its clients to a child
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterProtocol
import SystemCalls
import WorkerPage

// Master counts a process until it ends, and may start no other one before. So a process that still has clients but
// accepts no more forks: it ends itself, and its child goes on with what is connected. That is no child of master's,
// and master knows it by the row that it counts in, which it takes over from its parent.
//
// The child is a copy, connections, timers and what this turn has brought included. Only what belongs to the process
// and not to its memory has to be made anew: the kernel's part of the event loop, which a fork shares, and the
// watchdog's timer. The parent ends when the child has done that, and goes on as before when it cannot; the child goes
// on when the parent has ended.
//
// A child has the thread that forked and no other: what a library does in threads of its own would be missing there,
// and its locks may be held for ever. So there is no child while there are such threads: the process finishes itself.
extension EventCore {
    @usableFromInline mutating func drain() -> Bool {
        if leaving.isDrained || !life.circumstances.hasMaster { return true }
        flush()
        if hasOtherThreads() {
            sayOnceThatThreadsStay()
            return false
        }
        // The copy of what waits here would be sent twice.
        if life.log.hasPending { life.log.flush() }
        do throws(SystemError) {
            guard try life.forkWithoutListeners() else { return false }
        } catch {
            life.warn(.drain, "leave clients to a child: \(error.reason) -- trying again")
            return false
        }
        leaving.isDrained = true
        leaving.wantsToDrain = false
        leaving.wasAsked = true
        if !isFinishing { life.stage = .finishing(.retired) }
        log.verbose(1, "draining")
        return true
    }

    private mutating func sayOnceThatThreadsStay() {
        if leaving.hasToldOfThreads { return }
        leaving.hasToldOfThreads = true
        log.warning("threads of a library keep clients from being left to a child -- serving them here to their end")
    }

    /// After the last look at the endpoints.
    @usableFromInline mutating func tryToDrainAgain() {
        // The next master's clients would wait here in vain.
        if case .finishing(.masterGone) = life.stage, leaving.isReplaced == false { life.abandonListeners() }
        guard leaving.wantsToDrain, isFinishing else { return }
        // Nobody is left: the end is near anyway.
        if !hasClients, leaving.until == .clientsHaveLeft { return }
        if !drain() { life.tryAgainSoon() }
    }
}

extension ChildLife {
    /// How long a child may take to make its loop.
    private static var patienceMilliseconds: CInt { 5000 }

    /// Goes on in a child, which has no endpoints and no master; does not return in the parent, unless there was no
    /// child: then false, or the reason, and nothing has changed but that the endpoints are not watched.
    mutating func forkWithoutListeners() throws(SystemError) -> Bool {
        let wasRegistered = listeners.registration == .on
        listeners.unregister(&loop)
        do throws(SystemError) {
            let pair = try makeSocketPair()
            let pid = try forkProcess()
            if pid == 0 {
                becomeChild(after: pair.keepingSecond())
                return true
            }
            // First of all: from now on the row is not given to another one when this process ends, however it does.
            counts.name(heir: pid)
            let child = pair.keepingFirst()
            _ = try? child.number.write([0])
            let isComing = try? child.number.waitForInput(milliseconds: Self.patienceMilliseconds)
            let word = isComing == true ? try? child.number.read(atMost: 1) : nil
            if word?.isEmpty == false { exitAtOnce(0) }
            // Never both of them.
            try? sendSignal(.kill, to: pid)
            _ = try? waitForChild(pid)
            counts.dropHeir()
            throw SystemError(.fork, .noMemory)
        } catch {
            if wasRegistered { registerAgain() }
            throw error
        }
    }

    private mutating func registerAgain() {
        do throws(SystemError) {
            try listeners.register(&loop)
        } catch {
            pause(error)
        }
    }

    /// Returns when the parent has ended: never do both of them serve, and one that is given up has done nothing yet.
    private mutating func becomeChild(after parent: consuming Descriptor) {
        do throws(SystemError) {
            try loop.continueInChild()
            try Watchdog.start(seconds: UInt32(max(circumstances.watchdogSeconds, 3)))
            ignoreMaster()
            forgetStatusRoom()
            status.disconnect()
            counts.inherit()
            try circumstances.meters.detach()
            try listeners.abandon(&loop)
            // Its number stays taken, as theirs do: what is opened next has another one.
            let channel = DescriptorNumber(InheritedDescriptor.status)
            try DescriptorNumber.standardInput.copy(onto: channel)
            try channel.setCloseOnExec(true)
        } catch {
            exitAtOnce(1)
        }
        // A parent that has been killed meanwhile is not in the way: then there is an error, or the end as well. If it
        // was killed before it had named this process, the row is another one's by now.
        _ = try? parent.number.write([0])
        let word = try? parent.number.read(atMost: 1)
        if word?.isEmpty != false { counts = WorkerRow() } else { _ = try? parent.number.read(atMost: 1) }
    }
}
