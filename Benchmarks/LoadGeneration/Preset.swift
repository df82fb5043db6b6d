//===----------------------------------------------------------------------===//
// Quartermaster: scripts for services we know
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A ready-made script for a service of Postfix or of this project.
package enum Preset: String, CaseIterable, Sendable {
    case echo, anvil, postlog

    /// Bytes of a request whose length the service leaves to us.
    package static let defaultSize = 120

    /// The modes in which the script makes sense.
    package func suits(_ mode: LoadMode) -> Bool {
        switch self {
        case .echo, .anvil: mode != .datagrams
        case .postlog: mode == .datagrams
        }
    }

    /// - Parameter size: bytes of a request; anvil's has a length of its own.
    package func script(size: Int) -> Script {
        switch self {
        case .echo:
            let line = Self.filler(size - 1) + [UInt8(ascii: "\n")]
            return Script(request: line, reply: Pattern(exactly: line))
        case .anvil:
            return Script(
                greeting: Pattern(exactly: Array("protocol=anvil_protocol\n\n".utf8)),
                request: Array("request=connect\nident=bench:127.0.0.1\n\n".utf8),
                reply: Pattern(beginning: Array("status=0\ncount=".utf8), end: Array("\n\n".utf8))
            )
        case .postlog:
            let start = Array("Jan 01 00:00:00 localhost postfix/bench-accept[1]: ".utf8)
            return Script(request: Array((start + Self.filler(size - start.count)).prefix(size)))
        }
    }

    /// `size` letters, for requests whose content does not matter.
    package static func filler(_ size: Int) -> [UInt8] {
        (0..<max(size, 0)).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    }
}
