//===----------------------------------------------------------------------===//
// Quartermaster: sockets that a service manager has opened for us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

/// What kind of endpoint a descriptor is, as far as that decides which service it is for.
enum OfferedForm: Equatable, Sendable {
    /// A listening TCP socket. An IPv6 one for all addresses may take IPv4 clients, too.
    case inet(SocketAddress, takesIPv4: Bool)
    /// A UDP socket; the same holds of it.
    case udp(SocketAddress, takesIPv4: Bool)
    /// A listening stream socket, or a datagram socket, that has a path.
    case unix(path: String, SocketKind)
    case fifo(path: String)
    /// Nothing that a service can listen on, and why.
    case useless(String)

    /// Whether a service of this type could use it.
    func fits(_ type: Transport) -> Bool {
        switch (self, type) {
        case (.inet, .inet), (.udp, .udp), (.unix(_, .stream), .unix), (.unix(_, .stream), .pass),
            (.unix(_, .datagram), .unixDatagram), (.fifo, .fifo):
            true
        default: false
        }
    }

    /// Of a socket of an Internet protocol.
    var address: (own: SocketAddress, takesIPv4: Bool)? {
        switch self {
        case .inet(let own, let takesIPv4), .udp(let own, let takesIPv4): (own, takesIPv4)
        case .unix, .fifo, .useless: nil
        }
    }

    func serves(_ address: SocketAddress) -> Bool {
        guard let (own, takesIPv4) = self.address, own.port == address.port else { return false }
        if own.family == address.family { return own.bytes == address.bytes }
        return takesIPv4 && address.family == .ipv4 && address.hostBytes.allSatisfy { $0 == 0 }
            && own.hostBytes.allSatisfy { $0 == 0 }
    }

    var path: String? {
        switch self {
        case .unix(let path, _), .fifo(let path): path
        case .inet, .udp, .useless: nil
        }
    }

    /// For messages.
    var text: String {
        switch self {
        case .inet(let address, _): "\(address.hostText) port \(address.port)"
        case .udp(let address, _): "\(address.hostText) UDP port \(address.port)"
        case .unix(let path, _), .fifo(let path): path
        case .useless(let reason): reason
        }
    }
}

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

extension OfferedForm {
    /// Asks the kernel.
    init(of number: DescriptorNumber) {
        do throws(SystemError) {
            switch try number.facts().kind {
            case .socket: self = try Self.socket(number)
            case .fifo: self = .fifo(path: try linkTarget("/proc/self/fd/\(number.rawValue)"))
            default: self = .useless("neither a socket nor a FIFO")
            }
        } catch {
            self = .useless(error.description)
        }
    }

    private static func socket(_ number: DescriptorNumber) throws(SystemError) -> OfferedForm {
        guard let address = try number.name(ofPeer: false), let kind = try number.socketKind() else {
            return .useless("a socket of an unknown kind")
        }
        let isListening = try number.option(.isListening) != 0
        switch (address.family, kind) {
        case (.unix, .stream) where !isListening, (.ipv4, .stream) where !isListening,
            (.ipv6, .stream) where !isListening:
            return .useless("a socket that does not listen")
        case (.unix, _):
            let path = address.hostText
            return path.hasPrefix("/") ? .unix(path: path, kind) : .useless("a socket without an absolute path")
        case (_, .datagram): return try datagrams(number, address)
        case (.ipv4, .stream): return .inet(address, takesIPv4: true)
        case (.ipv6, .stream): return .inet(address, takesIPv4: try number.option(.ipv6Only) == 0)
        }
    }
}

extension OfferedForm {
    /// A master that was killed may have left the socket connected to itself, which hides that it is for all addresses.
    private static func datagrams(_ number: DescriptorNumber, _ name: SocketAddress) throws(SystemError) -> OfferedForm
    {
        var address = name
        if let peer = try? number.name(ofPeer: true) {
            guard peer == name else {
                return .useless("a UDP socket that is connected to \(peer.hostText) port \(peer.port)")
            }
            try number.disconnect()
            address = try number.name(ofPeer: false) ?? name
        }
        return .udp(address, takesIPv4: address.family == .ipv4 ? true : try number.option(.ipv6Only) == 0)
    }
}

/// Owns the descriptors that a service manager has handed over until services adopt them. Those that none has adopted
/// are closed with this object.
final class OfferedSockets {
    struct Offer {
        /// Nil for one that could not be kept.
        let number: DescriptorNumber?
        /// As the service manager counts, for messages.
        let original: Int32
        let name: String
        let form: OfferedForm
    }

    /// Sockets for one service, and what they are.
    struct Selection: ~Copyable {
        var listeners: DescriptorList
        let endpoint: EndpointPlan
        /// Of the sockets that were handed over.
        let texts: [String]
    }

    private var offers: [Offer] = []
    private var adopted: Set<Int> = []

    init() {}

    /// Takes over what stands from descriptor 3 on, and closes everything else there. The sockets get numbers that are
    /// out of the way of children's.
    init(adopting offer: ServiceManagerOffer) {
        let first = ServiceManagerOffer.firstDescriptor
        let end = first + Int32(offer.descriptorCount)
        try? closeAll(from: end)
        for index in 0..<offer.descriptorCount {
            let old = DescriptorNumber(first + Int32(index))
            guard old.isOpen else { continue }
            let name = offer.descriptorNames.isEmpty ? "" : offer.descriptorNames[index]
            offers.append(Offer(moving: old, name: name, atLeast: max(ChildImage.lowestSource, end)))
        }
    }

    deinit { closeRest() }

    /// The sockets of a service, those included that still have to be made; nil when nothing was handed over for it.
    func select(
        for plan: ServicePlan,
        queueDirectory: String,
        make: (SocketAddress) throws(EndpointFailure) -> Descriptor
    ) throws(EndpointFailure) -> Selection? {
        // Those that are adopted stay in the list, as nothing that fits, so that places keep their meaning.
        let list = offers.indices.map { place in
            (name: offers[place].name, form: adopted.contains(place) ? .useless("taken") : offers[place].form)
        }
        guard !list.isEmpty,
            let sources = OfferMatching.sources(of: plan, queueDirectory: queueDirectory, list)
        else { return nil }
        var listeners = DescriptorList()
        var addresses: [SocketAddress] = []
        var texts: [String] = []
        var path = plan.endpoint.path
        for source in sources {
            switch source {
            case .made(let address):
                listeners.append(try make(address))
                addresses.append(address)
            case .offered(let place):
                let offer = offers[place]
                guard let number = offer.number else { preconditionFailure("what is not there fits no service") }
                try Endpoint.step("fcntl") { () throws(SystemError) in try number.setNonBlocking(true) }
                if case .udp(let address, _) = offer.form {
                    try Endpoint.step("setsockopt") { () throws(SystemError) in
                        try number.setUpForDatagrams(of: address)
                    }
                }
                adopted.insert(place)
                listeners.append(Descriptor(owning: number))
                texts.append(offer.form.text)
                if let address = offer.form.address?.own { addresses.append(address) }
                if let own = offer.form.path, own != plan.absolutePath(queueDirectory) { path = own }
            }
        }
        let endpoint = path.map { EndpointPlan.path($0, plan.entry.type) } ?? .addresses(addresses, plan.entry.type)
        return Selection(listeners: listeners, endpoint: endpoint, texts: texts)
    }

    /// Closes what no service has adopted. What was adopted has another owner by now.
    ///
    /// - Returns: a line about each for the log.
    @discardableResult
    func closeRest() -> [String] {
        defer {
            offers = []
            adopted = []
        }
        return offers.indices.filter { !adopted.contains($0) }.map { place in
            let offer = offers[place]
            if let number = offer.number { _ = Descriptor(owning: number) }
            let name = offer.name.isEmpty ? "" : " \"\(offer.name)\""
            return "LISTEN_FDS: no service wants descriptor \(offer.original)\(name) (\(offer.form.text)): it is closed"
        }
    }
}

extension OfferedSockets.Offer {
    /// A copy in its place, since one that happens to stand high enough may not be close-on-exec.
    init(moving old: DescriptorNumber, name: String, atLeast lowest: Int32) {
        original = old.rawValue
        self.name = name
        do throws(SystemError) {
            let copy = try old.duplicate(atLeast: lowest).release()
            number = copy
            form = OfferedForm(of: copy)
        } catch {
            number = nil
            form = .useless(error.description)
        }
        _ = Descriptor(owning: old)
    }
}

extension ServicePlan {
    /// Of an endpoint in the file system.
    func absolutePath(_ queueDirectory: String) -> String? {
        endpoint.path.map { $0.hasPrefix("/") ? $0 : "\(queueDirectory)/\($0)" }
    }
}
