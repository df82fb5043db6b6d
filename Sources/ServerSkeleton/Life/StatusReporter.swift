//===----------------------------------------------------------------------===//
// Quartermaster: TAKEN and AVAIL, a child's side of the status channel
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import SystemCalls

/// Tells master whether this process is busy. A turn of the loop that has work says TAKEN before its first request and
/// AVAIL after its last one; however many requests there are, that is one pair. Turns that follow one another without
/// a pause share a pair, when their owner says so by calling `becomeIdle` late.
///
/// Never reads and never waits: a master that is stopped holds up no work. A TAKEN that finds the channel full is left
/// out, and so is the AVAIL that belongs to it; an AVAIL that finds it full is owed, until it is sent or the process is
/// busy again.
struct StatusReporter {
    /// Where master stands after we said what there was to say.
    enum Outcome {
        /// It has been told all.
        case told
        /// The channel is full: call `settle` when there is room.
        case owed
        case masterGone
    }

    private let pid = processID()
    private let generation: Generation
    private var isConnected: Bool
    private(set) var isBusy = false
    /// What master heard last. A process that said nothing yet counts as idle.
    private var heard = Availability.available
    private var isAsked = false
    /// Whether an AVAIL leaves room in the channel: for a process that may be busy for long, and says TAKEN once. That
    /// one has to fit, or master counts on a process that does not come. Costs a poll(2) for each AVAIL.
    var keepsRoom = false

    private static var channel: DescriptorNumber { DescriptorNumber(InheritedDescriptor.status) }

    /// - Parameter isConnected: false for a server without a master, which has no status channel.
    init(generation: Generation, isConnected: Bool) {
        self.generation = generation
        self.isConnected = isConnected
    }

    /// Master takes this process for ended: nothing more is said.
    mutating func disconnect() { isConnected = false }

    /// Busy from now on. That master is gone does not matter yet: what was begun is finished.
    @inline(__always)
    mutating func becomeBusy() {
        if isBusy { return }
        isBusy = true
        repeatTaken()
    }

    /// Says that we are busy where the channel had no room for it before: one try for each turn that goes on.
    @inline(__always)
    mutating func repeatTaken() {
        if isBusy, heard == .available, send(.taken) == .told { heard = .taken }
    }

    /// Idle from now on.
    @inline(__always)
    mutating func becomeIdle() -> Outcome {
        isBusy = false
        return settle()
    }

    /// Master asked whether we react: an idle process answers with AVAIL, whatever it said before.
    mutating func isToAnswer() { isAsked = true }

    /// Says what is owed, if anything is.
    @inline(__always)
    mutating func settle() -> Outcome {
        if isBusy || (heard == .available && !isAsked) { return .told }
        if keepsRoom, !hasRoom { return .owed }
        let outcome = send(.available)
        if outcome == .told {
            heard = .available
            isAsked = false
        }
        return outcome
    }

    /// A stream socket counts as writable while three quarters of it are free.
    private var hasRoom: Bool { !isConnected || (try? Self.channel.waitForOutput(milliseconds: 0)) ?? true }

    private func send(_ availability: Availability) -> Outcome {
        guard isConnected else { return .told }
        let record = StatusReport(pid: pid, generation: generation, availability: availability).encoded
        do throws(SystemError) {
            // The record is bytes already.
            if case .bytes = try Self.channel.send(unsafe record.span.bytes) { return .told }
            return .owed
        } catch {
            // Records go as a whole, or not at all. The kernel may have no memory for one just now.
            return error.code == .noBufferSpace || error.code == .noMemory ? .owed : .masterGone
        }
    }
}
