//===----------------------------------------------------------------------===//
// Quartermaster: the services that master_service_disable turns off
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Decides from name and type alone whether an entry is skipped. Patterns are `type` or `name/type`; each `!` in front
/// negates; the first that matches decides; case does not matter.
package struct DisabledServices: Equatable, Sendable {
    private struct Pattern: Equatable, Sendable {
        let text: String
        let namesService: Bool
        let disables: Bool
    }

    private var patterns: [Pattern] = []

    package init(_ list: String) {
        patterns = Tokens.list(list).map(Self.pattern)
    }

    /// Every inet and udp service as well, before anything the list says.
    package mutating func disableInet() {
        for type in Transport.allCases where type.isInternet {
            patterns.insert(Pattern(text: type.rawValue, namesService: false, disables: true), at: 0)
        }
    }

    private static func pattern(_ item: String) -> Pattern {
        var bytes = item.bytes
        // The old form is name.type.
        if !bytes.contains(ASCII.slash), let dot = bytes.lastIndex(of: ASCII.dot) { bytes[dot] = ASCII.slash }
        let text = bytes.drop { $0 == ASCII.bang }
        return Pattern(
            text: text.text.lowercasedASCII,
            namesService: text.contains(ASCII.slash),
            disables: (bytes.count - text.count).isMultiple(of: 2)
        )
    }

    package func contains(name: String, type: String) -> Bool {
        guard !patterns.isEmpty else { return false }
        let type = type.lowercasedASCII
        let full = "\(name.lowercasedASCII)/\(type)"
        return patterns.first { $0.text.hasSameBytes(as: $0.namesService ? full : type) }?.disables ?? false
    }
}
