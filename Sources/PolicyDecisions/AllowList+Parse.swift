//===----------------------------------------------------------------------===//
// Quartermaster: reading a list
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Why a list cannot be used.
package struct AllowListProblem: Error, Equatable, Sendable {
    /// From 1.
    package let line: Int
    package let text: String
    package let cure: String
}

extension AllowList {
    /// Reads the text of a file: an entry a line, `#` begins a comment.
    ///
    ///     clients      192.0.2.7   192.0.2.0/24   2001:db8::/32   mail.example.com   .example.com
    ///     addresses    user@example.com   example.com   .example.com   user@   <>
    package init(_ bytes: borrowing RawSpan, _ kind: Kind, key: HashKey) throws(AllowListProblem) {
        self.init(key: key)
        var number = 0
        var start = 0
        while start < bytes.byteCount {
            let end = bytes.firstPlace(of: UInt8(ascii: "\n"), from: start) ?? bytes.byteCount
            number += 1
            let entry = Self.entry(bytes, start..<end)
            if !entry.isEmpty {
                switch kind {
                case .clients: try addClient(bytes.extracting(entry), number)
                case .addresses: try addAddress(bytes.extracting(entry), number)
                }
            }
            start = end + 1
        }
        hashes.sort()
        networks.sort()
        lengths = Set(networks.map(\.bits)).sorted()
    }

    /// Without a comment, and without blanks at the ends.
    private static func entry(_ bytes: borrowing RawSpan, _ line: Range<Int>) -> Range<Int> {
        var end = line.lowerBound
        while end < line.upperBound, bytes.rawByte(at: end) != UInt8(ascii: "#") { end += 1 }
        var start = line.lowerBound
        while start < end, isBlank(bytes.rawByte(at: start)) { start += 1 }
        while end > start, isBlank(bytes.rawByte(at: end - 1)) { end -= 1 }
        return start..<end
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

    private mutating func addClient(_ entry: borrowing RawSpan, _ line: Int) throws(AllowListProblem) {
        try Self.checkOneWord(entry, line)
        let slash = entry.firstPlace(of: UInt8(ascii: "/"))
        if let address = ClientAddress(entry.extracting(0..<(slash ?? entry.byteCount))) {
            return try addNetwork(address, entry, slash, line)
        }
        if slash != nil || entry.firstPlace(of: UInt8(ascii: ":")) != nil || Self.looksNumeric(entry) {
            throw AllowListProblem(
                line: line,
                text: "\"\(Self.text(entry))\" is no address",
                cure: "Write an address such as 192.0.2.7 or 2001:db8::1, or a network such as 192.0.2.0/24."
            )
        }
        try addName(entry, .whole, line)
    }

    private mutating func addNetwork(
        _ address: ClientAddress,
        _ entry: borrowing RawSpan,
        _ slash: Int?,
        _ line: Int
    ) throws(AllowListProblem) {
        let longest = address.isIPv4 ? 32 : 128
        var bits = longest
        if let slash {
            guard let number = Self.number(entry.extracting(slash + 1..<entry.byteCount)), number <= longest else {
                throw AllowListProblem(
                    line: line,
                    text: "the length of the network \"\(Self.text(entry))\" is no number from 0 to \(longest)",
                    cure: "Write how many bits name the network, as in 192.0.2.0/24 or 2001:db8::/32."
                )
            }
            bits = number
        }
        // As in 128 bits. The network of all IPv4 addresses does not reach into IPv6, nor `::/0` into IPv4.
        let length = address.isIPv4 ? 96 + bits : bits
        let masked = address.masked(length)
        if masked != address {
            throw AllowListProblem(
                line: line,
                text: "\"\(Self.text(entry))\" has bits set behind its length",
                cure: "Write the address of the network, with zeros behind its length, or the address without a length."
            )
        }
        networks.append(Network(bits: length, high: masked.high, low: masked.low))
    }

    private mutating func addAddress(_ entry: borrowing RawSpan, _ line: Int) throws(AllowListProblem) {
        try Self.checkOneWord(entry, line)
        if entry.isExactly("<>") { return hashes.append(Self.hash(.null, RawSpan(), key)) }
        guard entry.rawByte(at: 0) != UInt8(ascii: "<") else {
            throw AllowListProblem(
                line: line,
                text: "\"\(Self.text(entry))\" is no address",
                cure: "Write it without < and >; <> stands for the null sender."
            )
        }
        var at = entry.byteCount - 1
        while at >= 0, entry.rawByte(at: at) != UInt8(ascii: "@") { at -= 1 }
        switch at {
        case -1: try addName(entry, .domain, line)
        case 0: try addName(entry.extracting(1..<entry.byteCount), .domain, line)
        case entry.byteCount - 1: hashes.append(Self.hash(.localPart, entry.extracting(0..<at), key))
        default: hashes.append(Self.hash(.whole, entry, key))
        }
    }

    /// A name, or with a dot before it what is below it.
    private mutating func addName(_ name: borrowing RawSpan, _ form: Form, _ line: Int) throws(AllowListProblem) {
        let isBelow = name.byteCount > 0 && name.rawByte(at: 0) == UInt8(ascii: ".")
        let rest = name.extracting((isBelow ? 1 : 0)..<name.byteCount)
        var isName = rest.byteCount > 0
        var last = UInt8(ascii: ".")
        for index in 0..<rest.byteCount {
            let byte = rest.rawByte(at: index)
            if byte == UInt8(ascii: "."), last == byte { isName = false }
            if byte < 0x80, !Self.isNameByte(byte) { isName = false }
            last = byte
        }
        guard isName, last != UInt8(ascii: ".") else {
            throw AllowListProblem(
                line: line,
                text: "\"\(Self.text(name))\" is no name of a host or domain",
                cure: "Write a name such as mail.example.com, or .example.com for all that is below a domain."
            )
        }
        hashes.append(Self.hash(isBelow ? .below : form, rest, key))
    }

    // MARK: bytes

    private static func checkOneWord(_ entry: borrowing RawSpan, _ line: Int) throws(AllowListProblem) {
        for index in 0..<entry.byteCount where isBlank(entry.rawByte(at: index)) || entry.rawByte(at: index) < 32 {
            throw AllowListProblem(
                line: line,
                text: "more than one word: \"\(text(entry))\"",
                cure: "Write one entry a line; a comment begins with #."
            )
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Digits and dots alone: meant as an address.
    private static func looksNumeric(_ entry: borrowing RawSpan) -> Bool {
        for index in 0..<entry.byteCount {
            let byte = entry.rawByte(at: index)
            if byte != UInt8(ascii: "."), !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { return false }
        }
        return true
    }

    private static func number(_ text: borrowing RawSpan) -> Int? {
        guard (1...3).contains(text.byteCount) else { return nil }
        var number = 0
        for index in 0..<text.byteCount {
            let byte = text.rawByte(at: index)
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// For a message; as much as says which one it is.
    private static func text(_ bytes: borrowing RawSpan) -> String {
        String(decoding: bytes.extracting(0..<min(bytes.byteCount, 80)).array, as: UTF8.self)
    }
}
