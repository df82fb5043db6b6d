//===----------------------------------------------------------------------===//
// Quartermaster: clients that stay for a few lines, all of which are accounted for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Clients that connect, exchange some lines with pauses between them, say goodbye, and come again, until they are told
/// to stop. Of each line that was sent it is known whether it came back.
package final class LineClients: @unchecked Sendable {
    package struct Ledger: CustomStringConvertible, Sendable {
        package var connections = 0
        package var sent = 0
        package var answered = 0
        package var losses: [String] = []

        package var description: String { "\(connections) connections, \(sent) sent, \(answered) answered, \(losses)" }
    }

    private let lock = NSLock()
    private var isOver = false
    private var running = 0
    private var ledger = Ledger()

    /// - Parameter lines: on each connection.
    package init(_ place: Place, count: Int, lines: Int = 5) {
        for number in 0..<count {
            lock.withLock { running += 1 }
            Thread.detachNewThread {
                var turn = 0
                while self.lock.withLock({ !self.isOver }) {
                    turn += 1
                    self.talk(place, lines, "client \(number) turn \(turn)")
                }
                self.lock.withLock { self.running -= 1 }
            }
        }
    }

    /// Lets everybody finish the connection at hand, and counts.
    @discardableResult
    package func finish() -> Ledger {
        lock.withLock { isOver = true }
        _ = eventually(within: patience * 2) { lock.withLock { running == 0 } }
        return lock.withLock { ledger }
    }

    /// Waits until so many more lines were answered.
    package func answered(_ more: Int) -> Bool {
        let before = lock.withLock { ledger.answered }
        return eventually(every: .milliseconds(2)) { lock.withLock { ledger.answered } >= before + more }
    }

    private func talk(_ place: Place, _ lines: Int, _ name: String) {
        guard let caller = try? Caller(place) else { return lose("\(name): not connected") }
        lock.withLock { ledger.connections += 1 }
        for number in 0..<lines {
            let line = "\(name) line \(number)\n"
            guard exchange(caller, line, line) else { return }
            usleep(2000)
        }
        guard exchange(caller, "quit\n", "bye\n") else { return }
        if caller.readAll() != "" { lose("\(name): no end") }
    }

    private func exchange(_ caller: Caller, _ line: String, _ answer: String) -> Bool {
        lock.withLock { ledger.sent += 1 }
        let came = caller.send(line) ? caller.readLine() : nil
        if came != answer {
            lose("\(line): \(came ?? "nothing")")
            return false
        }
        lock.withLock { ledger.answered += 1 }
        return true
    }

    private func lose(_ what: String) { lock.withLock { ledger.losses.append(what) } }
}
