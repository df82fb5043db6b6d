//===----------------------------------------------------------------------===//
// Quartermaster: who is let through, whatever the rules say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// A list of clients, senders or recipients. Looking one up allocates nothing.
///
/// Names and addresses are kept as hashes with a key of this process, sorted; networks as numbers, sorted by their
/// length.
package struct AllowList: Sendable {
    package enum Kind: Sendable { case clients, addresses }

    struct Network: Equatable, Comparable, Sendable {
        let bits: Int
        let high: UInt64
        let low: UInt64

        static func < (left: Network, right: Network) -> Bool {
            (left.bits, left.high, left.low) < (right.bits, right.high, right.low)
        }
    }

    /// What a hash stands for is a part of it.
    enum Form: UInt8 {
        /// A whole name or address.
        case whole = 1
        /// A domain, of an address.
        case domain
        /// What is below a domain, of a name or an address.
        case below
        /// The part of an address before its last `@`.
        case localPart
        /// The null sender.
        case null
    }

    let key: HashKey
    var hashes: [UInt64] = []
    var networks: [Network] = []
    /// The lengths that are in use, each once.
    var lengths: [Int] = []
    package var count: Int { hashes.count + networks.count }

    /// An empty list.
    package init(key: HashKey) { self.key = key }

    package func hasClient(_ address: ClientAddress?, name: borrowing RawSpan) -> Bool {
        if let address, networks.count > 0, hasNetwork(of: address) { return true }
        // What smtpd could not verify it calls unknown.
        if hashes.isEmpty || name.byteCount == 0 || name.isExactly("unknown") { return false }
        return has(.whole, name) || hasDomain(above: name, from: 0)
    }

    package func hasAddress(_ address: borrowing RawSpan) -> Bool {
        if hashes.isEmpty { return false }
        if address.byteCount == 0 { return has(.null, address) }
        if has(.whole, address) { return true }
        var at = address.byteCount - 1
        while at >= 0, address.rawByte(at: at) != UInt8(ascii: "@") { at -= 1 }
        if at < 0 { return false }
        let domain = address.extracting(at + 1..<address.byteCount)
        return has(.domain, domain) || has(.localPart, address.extracting(0..<at)) || hasDomain(above: domain, from: 0)
    }

    /// Whether the name lies below a domain of the list.
    private func hasDomain(above name: borrowing RawSpan, from start: Int) -> Bool {
        var place = start
        while let dot = name.firstPlace(of: UInt8(ascii: "."), from: place) {
            if has(.below, name.extracting(dot + 1..<name.byteCount)) { return true }
            place = dot + 1
        }
        return false
    }

    static func hash(_ form: Form, _ text: borrowing RawSpan, _ key: HashKey) -> UInt64 {
        var hash = KeyedHash(key)
        hash.add(form.rawValue)
        hash.addLowercased(text)
        return hash.value
    }

    private func has(_ form: Form, _ text: borrowing RawSpan) -> Bool {
        let wanted = Self.hash(form, text, key)
        var (low, high) = (0, hashes.count)
        while low < high {
            let middle = (low + high) / 2
            if hashes[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low < hashes.count && hashes[low] == wanted
    }

    private func hasNetwork(of address: ClientAddress) -> Bool {
        for bits in lengths {
            // The network of zeros is one of IPv6: IPv4 addresses have their own way to be there.
            if bits < 96, address.isIPv4 { continue }
            let masked = address.masked(bits)
            let wanted = Network(bits: bits, high: masked.high, low: masked.low)
            var (low, high) = (0, networks.count)
            while low < high {
                let middle = (low + high) / 2
                if networks[middle] < wanted { low = middle + 1 } else { high = middle }
            }
            if low < networks.count, networks[low] == wanted { return true }
        }
        return false
    }
}

/// The lists that are in force.
package struct AllowLists: Sendable {
    package var clients: AllowList
    package var senders: AllowList
    package var recipients: AllowList

    package init(key: HashKey) {
        clients = AllowList(key: key)
        senders = AllowList(key: key)
        recipients = AllowList(key: key)
    }

    func allow(_ request: PolicyRequest, _ input: borrowing RawSpan, _ address: ClientAddress?) -> Bool {
        if clients.hasClient(address, name: input.extracting(request.clientName)) { return true }
        if senders.hasAddress(input.extracting(request.sender)) { return true }
        // Of a message with several recipients there is none.
        return !request.recipient.isEmpty && recipients.hasAddress(input.extracting(request.recipient))
    }
}
