//===----------------------------------------------------------------------===//
// Quartermaster: the relay's way to an upstream
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import ProxyHeader
import RelayPolicy
import ServerSkeleton

extension Relay {
    /// Begins to connect the client to the next upstream that may be tried. Where there is none, the client is closed;
    /// where descriptors or memory are short, it waits.
    mutating func findUpstream(for client: ClientID, _ end: inout End, _ handle: inout EventHandle<End>) {
        let now = handle.time.milliseconds
        while let attempt = upstreams.next(&end.tried, now: now) {
            let upstream = End(role: .upstream(place: attempt.place, attempt), peer: client)
            do throws(ServiceError) {
                let address = destinations[attempt.place].address
                end.peer = try handle.connect(to: address, within: settings.connectMilliseconds, state: upstream)
                ends += 1
                return
            } catch {
                if error.isShortage {
                    // No fault of the upstream's.
                    upstreams.putBack(attempt, &end.tried, now: now)
                    return waitForDescriptors(client, &end, error, &handle)
                }
                noteFailure(attempt, error.reason, handle.time)
            }
        }
        turnAway(client, &handle)
    }

    mutating func connected(_ connection: ClientID, _ handle: inout EventHandle<End>) {
        guard case .upstream(let place, .some(let attempt)) = handle[connection].role else { return }
        if upstreams.connected(attempt) { log.info("upstream \(destinations[place].name) is there again") }
        handle[connection].role = .upstream(place: place, nil)
        // The client has left in this very turn.
        guard let client = handle[connection].peer, handle.isConnected(client) else {
            return handle.disconnect(connection)
        }
        handle[client].active = handle.time.milliseconds
        handle.countRequest()
        if let version = settings.header {
            let header = handle.withAddresses(of: client) { ProxyHeader(peer: $0, own: $1) }
            // Nothing waits for a connection that has just come about: all of it is taken.
            _ = handle.send(header.encoded(as: version).bytes, to: connection)
        }
        handle.resumeReading(client)
    }

    mutating func connectFailed(
        _ connection: ClientID,
        _ end: consuming End,
        _ failure: ConnectFailure,
        _ handle: inout EventHandle<End>
    ) {
        ends -= 1
        guard case .upstream(_, .some(let attempt)) = end.role else { return }
        guard let client = end.peer, handle.isConnected(client) else {
            judge(attempt, failure, handle.time)
            return leaveIfNobodyIsLeft(&handle)
        }
        handle[client].peer = nil
        var state = handle[client]
        if case .refused(let error) = failure, error.isShortage {
            upstreams.putBack(attempt, &state.tried, now: handle.time.milliseconds)
            waitForDescriptors(client, &state, error, &handle)
        } else {
            judge(attempt, failure, handle.time)
            findUpstream(for: client, &state, &handle)
        }
        if handle.isConnected(client) { handle[client] = state }
    }

    private mutating func judge(_ attempt: Upstreams.Attempt, _ failure: ConnectFailure, _ time: ServiceTime) {
        switch failure {
        case .timedOut: noteFailure(attempt, "Connection timed out", time)
        case .refused(let error) where error.isShortage: upstreams.gaveUp(attempt, now: time.milliseconds)
        case .refused(let error): noteFailure(attempt, error.reason, time)
        }
    }

    private mutating func noteFailure(_ attempt: Upstreams.Attempt, _ reason: String, _ time: ServiceTime) {
        switch upstreams.failed(attempt, now: time.milliseconds) {
        case .nothingNew: break
        case .wentDown(let pause), .staysDown(let pause):
            let name = destinations[attempt.place].name
            destinations[attempt.place].complaint.log(
                log,
                at: time,
                "connect to upstream \(name): \(reason) -- leaving it alone for \(pause / 1000) s"
            )
        }
    }

    /// No upstream can be reached: the client gets nothing, and is closed.
    mutating func turnAway(_ client: ClientID, _ handle: inout EventHandle<End>) {
        turnedAway.log(log, at: handle.time, "no upstream can be reached -- closing a client")
        handle.disconnect(client)
    }
}
