//===----------------------------------------------------------------------===//
// Quartermaster: answers about names on their way from a helper process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

// One line an answer: words with a blank between them. Names and addresses are written as their bytes in hexadecimal
// digits, so that no name can look like something else.
extension NameAnswer {
    /// Without the newline.
    var encoded: String {
        switch self {
        case .unknown: "unknown"
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
        case ("addresses", _):
            var addresses: [SocketAddress] = []
            for word in words.dropFirst() {
                guard let bytes = Self.bytes(word), let address = SocketAddress(copying: bytes) else { return nil }
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

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func hex(_ name: String?) -> String { name.map { hex($0.utf8) } ?? "-" }

    private static func bytes(_ word: Substring) -> [UInt8]? {
        var digits = word[...]
        var bytes: [UInt8] = []
        while !digits.isEmpty {
            guard digits.utf8.count > 1, let byte = UInt8(digits.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return bytes
    }

    /// nil for what is no name; the name itself may be missing.
    private static func name(_ word: Substring) -> String?? {
        if word == "-" { return .some(nil) }
        return bytes(word).map { String(decoding: $0, as: UTF8.self) }
    }
}
