//===----------------------------------------------------------------------===//
// Quartermaster: load whose every connection is accounted for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// Clients that come one after the other, several at a time, until they are told to stop. Every connection is
/// accounted for: answered, or lost for a reason.
final class SteadyClients: @unchecked Sendable {
    private let lock = NSLock()
    private var isOver = false
    private var running = 0
    private(set) var opened = 0
    private(set) var answered = 0
    private(set) var losses: [String: Int] = [:]
    /// Those who found nobody, where that is no loss.
    private(set) var refused = 0
    private let mayBeRefused: Bool

    init(_ places: [Place], each: Int = 2, mayBeRefused: Bool = false) {
        self.mayBeRefused = mayBeRefused
        for place in places {
            for number in 0..<each {
                lock.withLock { running += 1 }
                Thread.detachNewThread { self.work(place, number) }
            }
        }
    }

    /// Lets everybody finish the connection at hand, and counts.
    @discardableResult
    func finish() -> (opened: Int, answered: Int, losses: [String: Int]) {
        lock.withLock { isOver = true }
        _ = eventually(within: patience * 2) { lock.withLock { running == 0 } }
        return lock.withLock { (opened, answered, losses) }
    }

    /// Waits until so many more connections were answered.
    func served(_ more: Int) -> Bool {
        let before = lock.withLock { answered }
        return eventually(every: .milliseconds(2)) { lock.withLock { answered } >= before + more }
    }

    private func work(_ place: Place, _ number: Int) {
        var turn = 0
        while lock.withLock({ !isOver }) {
            turn += 1
            let line = "client \(number) turn \(turn)"
            lock.withLock { opened += 1 }
            let caller = try? Caller(place)
            let answer = caller?.send(line + "\n") == true ? caller?.readAll() : nil
            let isRight = answer?.hasSuffix(" \(line)\n") == true
            lock.withLock {
                if caller == nil, mayBeRefused {
                    refused += 1
                } else if isRight {
                    answered += 1
                } else {
                    losses["\(place): \(answer ?? "none")", default: 0] += 1
                }
            }
            usleep(500)
        }
        lock.withLock { running -= 1 }
    }
}
