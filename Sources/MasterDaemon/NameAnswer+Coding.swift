//===----------------------------------------------------------------------===//
// Quartermaster: answers about names on their way from another process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

// One line an answer: words with a blank between them; in a state that one program leaves to the next, its question is
// before it. Names and addresses are written as their bytes in hexadecimal digits: no name looks like something else.
extension NameAnswer {
    /// Without the newline.
    var encoded: String {
        switch self {
        case .unknown: "unknown"
        case .failed(let error): "failed \(hex(error.call.rawValue)) \(error.code.rawValue)"
        case .addresses(let addresses): (["addresses"] + addresses.map { hex($0.bytes) }).joined(separator: " ")
        case .port(let number): "port \(number)"
        case .user(let user): "user \(user.userID) \(user.groupID) \(hex(user.nameByID))"
        case .group(let group): "group \(group.groupID) \(hex(group.nameByID))"
        }
    }

    /// nil for what `encoded` never writes.
    init?(decoding line: String) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        switch (words[0], words.count) {
        case ("unknown", 1): self = .unknown
        case ("failed", 3):
            guard let name = Self.name(words[1]), let call = name.flatMap({ SystemCall(rawValue: $0) }),
                let code = Int32(words[2])
            else { return nil }
            self = .failed(SystemError(call, Errno(rawValue: code)))
        case ("addresses", _):
            var addresses: [SocketAddress] = []
            for word in words.dropFirst() {
                guard let bytes = unhex(word), let address = SocketAddress(copying: bytes) else { return nil }
                addresses.append(address)
            }
            self = .addresses(addresses)
        case ("port", 2):
            guard let number = UInt16(words[1]) else { return nil }
            self = .port(number)
        case ("user", 4):
            guard let user = UInt32(words[1]), let group = UInt32(words[2]), let name = Self.name(words[3]) else {
                return nil
            }
            self = .user(AccountFacts.User(userID: user, groupID: group, nameByID: name))
        case ("group", 3):
            guard let group = UInt32(words[1]), let name = Self.name(words[2]) else { return nil }
            self = .group(AccountFacts.Group(groupID: group, nameByID: name))
        case (_, _): return nil
        }
    }

    /// nil for what is no name; the name itself may be missing.
    private static func name(_ word: Substring) -> String?? {
        if word == "-" { return .some(nil) }
        return unhex(word).map { String(decoding: $0, as: UTF8.self) }
    }
}

// Three words: what is asked for, the name, and the family of a host's addresses.
extension NameQuestion {
    var encoded: String {
        switch self {
        case .host(let name, let family): "host \(hex(name)) \(Self.word(of: family))"
        case .port(let name): "port \(hex(name)) -"
        case .udpPort(let name): "udpport \(hex(name)) -"
        case .user(let name): "user \(hex(name)) -"
        case .group(let name): "group \(hex(name)) -"
        }
    }

    /// nil for what `encoded` never writes.
    init?(decoding words: [Substring]) {
        guard words.count == 3, let bytes = unhex(words[1]) else { return nil }
        let name = String(decoding: bytes, as: UTF8.self)
        if words[0] == "host" {
            let families: [SocketAddress.Family?] = [nil, .ipv4, .ipv6]
            guard let family = families.first(where: { Self.word(of: $0) == words[2] }) else { return nil }
            self = .host(name, family)
            return
        }
        guard words[2] == "-" else { return nil }
        switch words[0] {
        case "port": self = .port(name)
        case "udpport": self = .udpPort(name)
        case "user": self = .user(name)
        case "group": self = .group(name)
        case _: return nil
        }
    }

    private static func word(of family: SocketAddress.Family?) -> String {
        switch family {
        case nil: "any"
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        case .unix: "unix"
        }
    }
}

private func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func hex(_ name: String?) -> String { name.map { hex($0.utf8) } ?? "-" }

private func unhex(_ word: Substring) -> [UInt8]? {
    var digits = word[...]
    var bytes: [UInt8] = []
    while !digits.isEmpty {
        guard digits.utf8.count > 1, let byte = UInt8(digits.prefix(2), radix: 16) else { return nil }
        bytes.append(byte)
        digits = digits.dropFirst(2)
    }
    return bytes
}
