//===----------------------------------------------------------------------===//
// Quartermaster: the parameters of relay(8)
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One entry of `relay_upstreams`, as it was written: names are not looked up here.
package enum UpstreamName: Equatable, Sendable {
    /// Relative to `queue_directory`, or absolute.
    case unix(path: String)
    /// A name or a numeric address, and a number or a name of a port.
    case inet(host: String, port: String)
}

package enum UpstreamBalance: String, CaseIterable, Sendable {
    case roundRobin = "round_robin"
    case leastConnections = "least_connections"
    case first
}

package enum UpstreamHeader: String, CaseIterable, Sendable {
    case none, v1, v2
}

package enum RelayParameters {
    package static let upstreams = UpstreamsParameter("relay_upstreams")
    package static let balance = ChoiceParameter("relay_balance", default: UpstreamBalance.roundRobin)
    package static let proxyProtocol = ChoiceParameter("relay_proxy_protocol", default: UpstreamHeader.none)
    package static let connectTimeout = TimeParameter("relay_connect_timeout", default: "10s", min: 1, max: 3600)
    package static let idleTimeout = TimeParameter("relay_idle_timeout", default: "3600s", min: 1)
    package static let drainTime = TimeParameter("relay_drain_time", default: "3600s", min: 1)
    package static let bufferSize = IntegerParameter("relay_buffer_size", default: 16_384, min: 4096, max: 1_048_576)
    package static let unsentLimit = IntegerParameter("relay_unsent_limit", default: 131_072, max: 1_073_741_824)
    package static let retryTime = TimeParameter("relay_retry_time", default: "1s", min: 1, max: 86_400)
    package static let retryLimit = TimeParameter("relay_retry_limit", default: "30s", min: 1, max: 86_400)
    package static let clientLimit = IntegerParameter("relay_client_limit", default: 0, max: 1_000_000)

    static let all: [any ConfigParameter] = [
        upstreams, balance, proxyProtocol, connectTimeout, idleTimeout, drainTime, bufferSize, unsentLimit, retryTime,
        retryLimit, clientLimit,
    ]
}

/// A list of `host:port`, `[address]:port` and `unix:path`, of which there is at least one.
package struct UpstreamsParameter: ConfigParameter {
    package static let mostUpstreams = 64
    private static let longestPath = 107

    package let name: String

    init(_ name: String) { self.name = name }

    package var defaultText: String { "" }
    package var fallback: [UpstreamName] { [] }

    package func convert(_ text: String, in dictionary: MainDictionary) throws(ParameterFailure) -> [UpstreamName] {
        var found: [UpstreamName] = []
        for item in Tokens.list(text) { found.append(try upstream(item)) }
        if found.isEmpty {
            let cure = "Set \(name) to the servers behind, such as 192.0.2.1:25, [2001:db8::1]:25 or unix:/run/server."
            throw ParameterFailure(text: "parameter \(name): no upstream is given", cure: cure)
        }
        if found.count > Self.mostUpstreams {
            let cure = "Give at most \(Self.mostUpstreams) upstreams."
            throw ParameterFailure(text: "parameter \(name): \(found.count) upstreams are too many", cure: cure)
        }
        return found
    }

    private func upstream(_ item: String) throws(ParameterFailure) -> UpstreamName {
        if item.utf8.starts(with: "unix:".utf8) {
            let path = item.bytes.dropFirst(5)
            if path.isEmpty { throw failure(item, "no path", "Write unix: and the path of the server's socket.") }
            if path.count > Self.longestPath {
                throw failure(item, "the path is too long", "A socket's path has at most \(Self.longestPath) bytes.")
            }
            return .unix(path: path.text)
        }
        let form = "Write host:port, [address]:port or unix:path."
        do throws(InetName.Failure) {
            guard item.utf8.contains(ASCII.colon) else { throw InetName.Failure(reason: "no port") }
            let parsed = try InetName.parse(item)
            guard let host = parsed.host else { throw InetName.Failure(reason: "no host") }
            if parsed.port.isAllDigits, !(1...65_535).contains(Int(parsed.port) ?? 0) {
                throw InetName.Failure(reason: "bad port number")
            }
            return .inet(host: host, port: parsed.port)
        } catch {
            throw failure(item, error.reason, form)
        }
    }

    private func failure(_ item: String, _ reason: String, _ cure: String) -> ParameterFailure {
        ParameterFailure(text: "parameter \(name): \(item): \(reason)", cure: cure)
    }
}
