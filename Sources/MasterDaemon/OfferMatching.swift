//===----------------------------------------------------------------------===//
// Quartermaster: which of the sockets of a service manager a service adopts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

/// Where one socket of a service comes from.
enum SocketSource: Equatable, Sendable {
    /// The descriptor at this place of the list.
    case offered(Int)
    case made(SocketAddress)
}

/// Which of the descriptors that were offered a service adopts.
enum OfferMatching {
    /// Those that bear its name, `smtp` or `smtp/inet`, are all that it listens on. Else those with one of its
    /// addresses take the place of that address.
    ///
    /// - Returns: the sockets in the order in which the children get them; nil when none of the offered is for it.
    static func sources(
        of plan: ServicePlan,
        queueDirectory: String,
        _ offers: [(name: String, form: OfferedForm)]
    ) -> [SocketSource]? {
        let type = plan.entry.type
        let names = [plan.entry.nameAsWritten, plan.fullName]
        let named = offers.indices.filter { offers[$0].form.fits(type) && names.contains(offers[$0].name) }
        switch plan.endpoint {
        case .path:
            let path = plan.absolutePath(queueDirectory)
            let found =
                named.first ?? offers.indices.first { offers[$0].form.fits(type) && offers[$0].form.path == path }
            return found.map { [.offered($0)] }
        case .inet(let addresses), .udp(let addresses):
            let fitting = offers.map { (name: $0.name, form: $0.form.fits(type) ? $0.form : .useless("another type")) }
            let sources = named.isEmpty ? byAddress(addresses, fitting) : inOrder(named, offers)
            return sources.contains { if case .offered = $0 { true } else { false } } ? sources : nil
        }
    }

    private static func byAddress(
        _ addresses: [SocketAddress],
        _ offers: [(name: String, form: OfferedForm)]
    ) -> [SocketSource] {
        var sources: [SocketSource] = []
        for address in addresses {
            let same = offers.firstIndex { $0.form.serves(address) && isOf(address.family, $0.form) }
            let source = (same ?? offers.firstIndex { $0.form.serves(address) }).map { SocketSource.offered($0) }
            if let source, sources.contains(source) { continue }
            sources.append(source ?? .made(address))
        }
        return sources
    }

    private static func isOf(_ family: SocketAddress.Family, _ form: OfferedForm) -> Bool {
        form.address?.own.family == family
    }

    /// All IPv4 before all IPv6, as sockets of our own stand.
    private static func inOrder(_ named: [Int], _ offers: [(name: String, form: OfferedForm)]) -> [SocketSource] {
        let sorted = named.sorted {
            guard let left = offers[$0].form.address?.own, let right = offers[$1].form.address?.own else {
                return false
            }
            return left < right
        }
        return sorted.map { .offered($0) }
    }
}
