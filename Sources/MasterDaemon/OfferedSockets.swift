//===----------------------------------------------------------------------===//
// Quartermaster: sockets that a service manager has opened for us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

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
