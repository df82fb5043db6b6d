//===----------------------------------------------------------------------===//
// Quartermaster: the relay: clients come, upstreams are connected to, bytes flow both ways
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ProxyHeader
import RelayPolicy
import ServerSkeleton

/// Passes connections on. It looks into no byte, so that TLS goes through it as anything else does. Its line in
/// master.cf:
///
///     25  inet  n  -  n  -  1  relay -o relay_upstreams=192.0.2.1:25,192.0.2.2:25
///
/// What one end sends is written to the other at once; only what that has no room for is kept, at most
/// `relay_buffer_size` bytes in each direction, and until there is room again nothing more is read.
struct Relay: EventService {
    typealias ClientState = End

    static var parameters: [any ServiceParameter] { Settings.all }
    static let hearsWhileOutputWaits = true
    /// A connection is one, however much goes through it.
    static let countsInputAsRequests = false

    let settings: Settings
    let log: ServiceLog
    var destinations: [Destination]
    var upstreams: Upstreams
    /// Clients that found no upstream.
    var turnedAway = RepeatedWarning()
    var shortage = Shortage()
    /// Connections of either kind that are there or under way.
    var ends = 0

    static func prepare(_ context: inout ServiceContext) -> Settings { Settings(&context) }

    init(_ context: inout ServiceContext, prepared: consuming Settings) {
        context.refuseArguments()
        settings = prepared
        log = context.log
        destinations = settings.destinations
        upstreams = Upstreams(count: destinations.count, balance: settings.balance, pauses: settings.pauses)
        // Nothing here grows stale with use, and connections that last are not to be moved.
        context.useLimit = 0
        context.transferSize = settings.bufferSize
        context.unsentLimit = settings.unsentLimit
        // An end that does not take what waits for it is given up as one that says nothing is.
        context.clientTimeout = settings.idleSeconds
    }

    // MARK: pairs

    mutating func clientArrived(_ client: Client, _ handle: inout EventHandle<End>) -> End {
        var end = End(role: .client, active: handle.time.milliseconds)
        ends += 1
        // Another one would have to wait for descriptors.
        if handle.clientCount >= settings.clientLimit { handle.pauseAccepting() }
        handle.pauseReading(client.id)
        findUpstream(for: client.id, &end, &handle)
        return end
    }

    mutating func received(_ input: RawSpan, from source: ClientID, _ handle: inout EventHandle<End>) -> Int {
        // Its other end is gone, and it will be in a moment.
        guard let peer = handle[source].peer else { return input.byteCount }
        noteActivity(of: source, peer, &handle)
        let taken = handle.sendPart(input, to: peer)
        if taken < input.byteCount || handle.pendingOutput(of: peer) > 0 { handle.pauseReading(source) }
        return taken
    }

    mutating func hasRoom(_ sink: ClientID, _ handle: inout EventHandle<End>) {
        guard let peer = handle[sink].peer else { return }
        handle.resumeReading(peer)
    }

    mutating func inputEnded(_ source: ClientID, _ handle: inout EventHandle<End>) {
        guard let peer = handle[source].peer else { return handle.disconnectWhenSent(source) }
        noteActivity(of: source, peer, &handle)
        handle.finishOutput(peer)
    }

    mutating func clientLeft(
        _ id: ClientID,
        _ end: consuming End,
        _ reason: Departure,
        _ handle: inout EventHandle<End>
    ) {
        forget(end, &handle)
        guard let peer = end.peer, handle.isConnected(peer) else { return }
        handle[peer].peer = nil
        switch reason {
        // Both directions are over here, and there as soon as everything is sent.
        case .ended: if isConnecting(peer, &handle) { handle.disconnect(peer) } else { handle.disconnectWhenSent(peer) }
        case .lost(let error):
            log.verbose(1, "connection lost: \(error.reason)")
            handle.reset(peer)
        // Not all that it sent has arrived.
        case .timedOut, .overrun: handle.reset(peer)
        }
    }

    private mutating func forget(_ end: End, _ handle: inout EventHandle<End>) {
        ends -= 1
        switch end.role {
        case .client: acceptIfThereIsRoom(&handle)
        case .upstream(_, .some(let attempt)): upstreams.gaveUp(attempt, now: handle.time.milliseconds)
        case .upstream(let place, nil): upstreams.closed(place)
        }
        leaveIfNobodyIsLeft(&handle)
    }

    func acceptIfThereIsRoom(_ handle: inout EventHandle<End>) {
        if handle.clientCount < settings.clientLimit, shortage.waiting.isEmpty { handle.resumeAccepting() }
    }

    /// What an upstream has still to take keeps a process going, too, after its client has left.
    func leaveIfNobodyIsLeft(_ handle: inout EventHandle<End>) {
        if ends == 0, handle.isLeaving { handle.leave() }
    }

    private func isConnecting(_ id: ClientID, _ handle: inout EventHandle<End>) -> Bool {
        if case .upstream(_, .some) = handle[id].role { return true }
        return false
    }

    private func noteActivity(of source: ClientID, _ peer: ClientID, _ handle: inout EventHandle<End>) {
        if case .client = handle[source].role {
            handle[source].active = handle.time.milliseconds
        } else if handle.isConnected(peer) {
            handle[peer].active = handle.time.milliseconds
        }
    }
}
