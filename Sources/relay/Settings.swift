//===----------------------------------------------------------------------===//
// Quartermaster: what main.cf and master.cf tell the relay
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import ProxyHeader
import RelayPolicy
import ServerSkeleton
import SystemCalls

/// Read before the process gives up its privileges and its root directory, for the sake of names that are looked up.
struct Settings: Preparation {
    static let upstreams = Parameter(RelayParameters.upstreams)
    static let balance = Parameter(RelayParameters.balance)
    static let proxyProtocol = Parameter(RelayParameters.proxyProtocol)
    static let connectTimeout = Parameter(RelayParameters.connectTimeout)
    static let idleTimeout = Parameter(RelayParameters.idleTimeout)
    static let drainTime = Parameter(RelayParameters.drainTime)
    static let bufferSize = Parameter(RelayParameters.bufferSize)
    static let unsentLimit = Parameter(RelayParameters.unsentLimit)
    static let retryTime = Parameter(RelayParameters.retryTime)
    static let retryLimit = Parameter(RelayParameters.retryLimit)
    static let clientLimit = Parameter(RelayParameters.clientLimit)

    static var all: [any ServiceParameter] {
        [
            upstreams, balance, proxyProtocol, connectTimeout, idleTimeout, drainTime, bufferSize, unsentLimit,
            retryTime, retryLimit, clientLimit,
        ]
    }

    let destinations: [Destination]
    let balance: Upstreams.Balance
    let pauses: Upstreams.Pauses
    /// Of the header that is sent to upstreams; nil for none.
    let header: ProxyHeader.Version?
    let connectMilliseconds: Int64
    let idleSeconds: Int
    let drainSeconds: Int
    let bufferSize: Int
    /// Of a TCP connection: bytes that the kernel has and that are not sent; nil for as many as it takes.
    let unsentLimit: Int?
    /// Clients at once; each takes two descriptors.
    let clientLimit: Int

    /// What the limit of open files allows, less what the process needs beside connections.
    private static var clientsThatFit: Int { max((openFileLimit() - 64) / 2, 1) }

    init(_ context: inout ServiceContext) {
        destinations = Resolver(context).destinations(context.value(of: Self.upstreams))
        balance =
            switch context.value(of: Self.balance) {
            case .roundRobin: .roundRobin
            case .leastConnections: .leastConnections
            case .first: .first
            }
        header =
            switch context.value(of: Self.proxyProtocol) {
            case .none: nil
            case .v1: .v1
            case .v2: .v2
            }
        pauses = Upstreams.Pauses(
            first: Int64(context.value(of: Self.retryTime)) * 1000,
            longest: Int64(context.value(of: Self.retryLimit)) * 1000
        )
        connectMilliseconds = Int64(context.value(of: Self.connectTimeout)) * 1000
        idleSeconds = context.value(of: Self.idleTimeout)
        drainSeconds = context.value(of: Self.drainTime)
        bufferSize = context.value(of: Self.bufferSize)
        let unsent = context.value(of: Self.unsentLimit)
        unsentLimit = unsent > 0 ? unsent : nil
        let limit = context.value(of: Self.clientLimit)
        clientLimit = limit > 0 ? limit : Self.clientsThatFit
    }
}
