//===----------------------------------------------------------------------===//
// Quartermaster: one client and where it stands in its exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

/// What a client wants after it has done what it can.
enum Progress {
    /// Another try once the others have had their turn: the peer most likely needs only that long.
    case later
    /// Nothing can be done until the descriptor is ready.
    case blocked(Interest)
    /// The peer's queue is full, and nothing will say when it no longer is.
    case retry
    /// The next byte of a slow client is not due yet.
    case pause
    /// The script is through.
    case done
    case failed(Outcome)
}

/// One of the clients of a worker: numbers only, so that there is nothing to count, copy or release.
struct Client {
    enum Phase: UInt8 {
        case unconnected
        /// Has a socket; connect(2) has not taken the address yet.
        case dialing
        /// connect(2) is under way.
        case connecting
        /// Connected: saying what the step says.
        case sending
        case receiving
        /// Connected, and nothing more to do: between exchanges, or held open.
        case resting
    }

    var number = DescriptorNumber(-1)
    var phase = Phase.unconnected
    /// An exchange is under way.
    var isBusy = false
    /// Began after the warm-up.
    var isMeasured = false
    /// The connection was made for this exchange.
    var isNew = false
    /// Whether readiness is a reason to go on.
    var isWaiting = false
    /// The connection is good for nothing more: the peer has closed it, or says that it will.
    var isSpent = false
    /// The connection is in the ledger.
    var isCounted = false
    var watch: WatchID?
    var interest = Interest.readable

    /// Place in the script.
    var step = 0
    var lastStep = 0
    var sent = 0
    var received = 0
    /// The rest of a response of HTTP; nil: the reply is complete by what the script expects.
    var body: ResponseBody?

    /// When the exchange was meant to begin.
    var intended: Int64 = 0
    var began: Int64 = 0
    var connected: Int64 = 0
    /// 0: no byte yet.
    var firstByte: Int64 = 0
    var deadline: Int64 = 0

    var isConnected: Bool { phase.rawValue >= Phase.sending.rawValue }
}
