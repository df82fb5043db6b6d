//===----------------------------------------------------------------------===//
// Quartermaster: the requests of a turn, and what master hears of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import WorkerPage

/// Requests of the present turn of a server with many clients: the first one makes the process busy, and at the end of
/// the turn it is idle again, unless there was a crowd.
struct TurnRequests {
    /// A turn in which so many clients asked something is likely to be followed by another at once.
    private static var crowd: Int { 4 }

    private var askers = 0
    private var requests = 0

    /// A client asks something.
    @inline(__always)
    mutating func begin(_ life: inout ChildLife) {
        askers &+= 1
        life.beginWork()
    }

    @inline(__always)
    mutating func count(_ requests: Int, _ life: inout ChildLife) {
        self.requests &+= requests
        life.counts.count(.requests, requests)
    }

    @inline(__always)
    mutating func end(_ life: inout ChildLife) {
        life.countTurn(requests: requests)
        requests = 0
        if askers < Self.crowd { life.endWork() }
        askers = 0
    }
}
