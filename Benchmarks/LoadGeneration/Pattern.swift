//===----------------------------------------------------------------------===//
// Quartermaster: what a peer is expected to say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// An expectation of bytes: either exactly these, or a beginning and an end with anything between, written with one
/// `*`. `CompiledScript` compares.
package struct Pattern: Equatable, Sendable {
    let beginning: [UInt8]
    /// Nil: nothing may follow the beginning.
    let end: [UInt8]?

    /// Whatever comes first, as long as something comes.
    package static let anything = Pattern(beginning: [], end: [])

    package init(exactly bytes: [UInt8]) { self.init(beginning: bytes, end: nil) }

    init(beginning: [UInt8], end: [UInt8]?) {
        self.beginning = beginning
        self.end = end
    }

    /// Escaped text with at most one `*`.
    package init(text: String) throws(EscapedText.Problem) {
        let parts = try EscapedText.elements(of: text).split(separator: .star, omittingEmptySubsequences: false)
        guard parts.count <= 2 else {
            throw EscapedText.Problem(description: "more than one *; write \\* for the character itself")
        }
        beginning = Self.bytes(of: parts[0])
        end = parts.count == 2 ? Self.bytes(of: parts[1]) : nil
    }

    private static func bytes(of elements: ArraySlice<EscapedText.Element>) -> [UInt8] {
        elements.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
    }

    /// Nothing but these bytes: without a `*`.
    package var isFixed: Bool { end == nil }
    /// Bytes before the `*`.
    package var fixedCount: Int { beginning.count }

    /// No byte at all is expected.
    package var isEmpty: Bool { beginning.isEmpty && end == nil }
}
