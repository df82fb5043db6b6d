//===----------------------------------------------------------------------===//
// Quartermaster: what a child does when the status channel is full, or descriptors are short
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls

extension ChildLife {
    // MARK: reports

    mutating func report(_ outcome: StatusReporter.Outcome) {
        switch outcome {
        case .told: break
        case .owed: waitForStatusRoom()
        case .masterGone: isToLeave(.masterGone)
        }
    }

    private mutating func waitForStatusRoom() {
        if waitsForStatusRoom { return }
        do throws(SystemError) {
            if let statusRoom {
                try loop.start(statusRoom)
            } else {
                let channel = DescriptorNumber(InheritedDescriptor.status)
                statusRoom = try loop.watch(channel, for: .writable, token: EventToken(.statusRoom))
            }
            waitsForStatusRoom = true
        } catch {
            // Each turn begins with a try; the timer makes sure that there is one.
            armRetry()
        }
    }

    mutating func thereIsRoom() {
        let outcome = status.settle()
        if outcome == .owed { return }
        if let statusRoom { loop.stop(statusRoom) }
        waitsForStatusRoom = false
        report(outcome)
    }

    /// Nothing is owed any more. While the channel is still open here: what the kernel watches outlives its number.
    mutating func forgetStatusRoom() {
        if let watch = statusRoom.take() { loop.remove(watch) }
        waitsForStatusRoom = false
    }

    /// Master has seen work that stands, and idle processes that do not accept it; we may be one of them.
    mutating func lookNow() {
        guard listeners.registration == .on else { return }
        listeners.areAllReady()
        status.isToAnswer()
    }

    // MARK: no descriptors

    /// Accepting fails for a reason that will not go away at once. We say that we are busy, so that others are asked,
    /// and try again when a client has left or a second has passed.
    mutating func pause(_ error: SystemError) {
        warn(.accept, "accept connection: \(error.reason) -- accepting no clients for a moment")
        pause()
    }

    /// The same for whatever else keeps us from accepting; the reason has been logged.
    mutating func pause() {
        switch stage {
        case .looking, .lastClients, .finishing, .leaving: listeners.unregister(&loop)
        case .serving, .paused:
            listeners.unregister(&loop)
            stage = .paused
            status.becomeBusy()
            armRetry()
        }
    }

    /// Accepts again, as far as nothing else keeps us from it.
    mutating func resume() {
        guard case .paused = stage else { return }
        do throws(SystemError) {
            try listeners.register(&loop)
            stage = .serving
        } catch {
            warn(.watch, "watch listener: \(error.reason) -- accepting no clients for a moment")
            status.becomeBusy()
            armRetry()
        }
    }

    /// For a process whose stage has nothing to try again, but whose owner has.
    mutating func tryAgainSoon() { armRetry() }

    private mutating func armRetry() {
        let timer = retryTimer ?? loop.makeTimer(token: EventToken(.tryAgain))
        loop.arm(timer, milliseconds: 1000)
        retryTimer = timer
    }

    /// A warning that may come again and again.
    mutating func warn(_ kind: Complaints.Kind, _ text: String) {
        complaints.warn(kind, loop.now, text)
    }
}

extension SystemError {
    /// Whether the kernel has refused a watch for want of memory, or of watches, which passes. Anything else it refuses
    /// for ever: somebody who passes connections may pass whatever it has.
    var isWatchShortage: Bool { isShortage || code == .noSpace }
}
