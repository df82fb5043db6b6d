//===----------------------------------------------------------------------===//
// Quartermaster: one end of a relayed connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import RelayPolicy
import ServerSkeleton

/// What is remembered of each connection. The two ends of a pair know each other for as long as both are there.
///
/// | A client's stage | It is heard | Leads to |
/// | --- | --- | --- |
/// | waits for an upstream | no: what it sends stays with the kernel | connected: flows; all have failed: closed |
/// | waits for descriptors | no | there are some: waits for an upstream; the time to connect is over: closed |
/// | flows | unless its upstream has no room | both directions have ended: over; lost: the other end is reset |
struct End {
    enum Role {
        case client
        /// Connecting, or connected if the attempt is over.
        case upstream(place: Int, Upstreams.Attempt?)
    }

    var role: Role
    var peer: ClientID?
    /// Of a client: the upstreams that were tried for it.
    var tried = Upstreams.Tried()
    /// Of a client that had to wait for descriptors or memory: how long it may, in milliseconds.
    var shortageEnds: Int64?
    /// Of a client: when a byte or an end came last, from it or for it, in milliseconds.
    var active: Int64 = 0
}
