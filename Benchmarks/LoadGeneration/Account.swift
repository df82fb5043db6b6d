//===----------------------------------------------------------------------===//
// Quartermaster: what one worker has counted
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What one worker has counted.
struct Account: Sendable {
    var ledger = Ledger()
    var phases = Phases()
    /// Whole exchanges since the last question.
    var recent = Latencies(isCoarse: true)
    var lateStarts = 0
    /// Those of them for which no client was free.
    var lateForClients = 0
    var firstProblem: String?
    var lastAnswer: Int64 = 0

    /// A start that was due at `due`; no client was free before `freeSince`.
    mutating func noteStart(due: Int64, at now: Int64, freeSince: Int64, measuringFrom: Int64) {
        guard now - due > StartClock.tolerance, due >= measuringFrom else { return }
        lateStarts += 1
        if due < freeSince { lateForClients += 1 }
    }

    mutating func retried(_ client: Client) {
        if client.isMeasured { ledger.retries += 1 }
    }

    /// How long the parts of an answered exchange took.
    @inline(__always)
    mutating func note(_ client: Client, at now: Int64, isStream: Bool) {
        if !client.isMeasured { return }
        if client.isNew, isStream {
            phases.connect.record(nanoseconds: client.connected - client.began)
            if client.firstByte > 0 { phases.firstByte.record(nanoseconds: client.firstByte - client.connected) }
        }
        phases.exchange.record(nanoseconds: now - (client.isNew ? client.connected : client.began))
        phases.total.record(nanoseconds: now - client.intended)
        recent.record(nanoseconds: now - client.intended)
    }

    /// How long a datagram's reply took.
    @inline(__always)
    mutating func noteRoundTrip(_ intended: Int64, _ began: Int64, _ now: Int64) {
        phases.exchange.record(nanoseconds: now - began)
        phases.total.record(nanoseconds: now - intended)
        recent.record(nanoseconds: now - intended)
    }

    @inline(__always)
    mutating func settle(_ outcome: Outcome, at now: Int64) {
        ledger.settle(outcome)
        if outcome == .answered { lastAnswer = now }
    }

    mutating func add(_ other: Account) {
        ledger.add(other.ledger)
        phases.add(other.phases)
        lateStarts += other.lateStarts
        lateForClients += other.lateForClients
        firstProblem = firstProblem ?? other.firstProblem
    }
}
