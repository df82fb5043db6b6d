//===----------------------------------------------------------------------===//
// Quartermaster: what master is told, once a turn at most
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import SystemCalls

/// Tells master whether this process is busy. A turn of the loop that has work says TAKEN before its first request and
/// AVAIL after its last one; however many requests there are, that is one pair. Turns that follow one another without
/// a pause share a pair, when their owner says so by calling `release` late. Never reads, never retries.
///
/// A channel that master does not read fills up. A turn that is over soon then goes unreported, so that a stopped
/// master holds up nobody's work; a server whose turns are long waits, since master must know that it is busy.
struct StatusReporter {
    private let pid = processID()
    private let generation: Generation
    private let isConnected: Bool
    private(set) var isTaken = false
    /// Whether the present turn was reported.
    private var isReported = false
    /// Whether a full channel makes us wait.
    var waitsForRoom = false

    private static var channel: DescriptorNumber { DescriptorNumber(InheritedDescriptor.status) }

    /// - Parameter isConnected: false for a server without a master, which has no status channel.
    init(generation: Generation, isConnected: Bool) {
        self.generation = generation
        self.isConnected = isConnected
    }

    /// Busy from now on. That nobody listens does not matter yet: what was begun is finished.
    @inline(__always)
    mutating func take() {
        if isTaken { return }
        isTaken = true
        isReported = send(.taken, waiting: waitsForRoom) != .wouldBlock
    }

    /// Says once more that we are busy, where the channel had no room for it: one try for each turn that goes on.
    @inline(__always)
    mutating func repeatTaken() {
        if isTaken, !isReported { isReported = send(.taken, waiting: false) != .wouldBlock }
    }

    /// Idle again. False: master is gone, and so should we be.
    @inline(__always)
    mutating func release() -> Bool {
        if !isTaken { return true }
        isTaken = false
        return !isReported || send(.available, waiting: true) == .bytes(StatusReport.byteCount)
    }

    private func send(_ availability: Availability, waiting: Bool) -> Transfer? {
        guard isConnected else { return .bytes(StatusReport.byteCount) }
        let record = StatusReport(pid: pid, generation: generation, availability: availability).encoded
        return try? Self.channel.send(unsafe record.span.bytes, waiting: waiting)
    }
}
