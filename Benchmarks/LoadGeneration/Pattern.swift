//===----------------------------------------------------------------------===//
// Quartermaster: what a peer is expected to say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// An expectation of bytes: either exactly these, or a beginning and an end with anything between, written with one `*`.
/// It only compares; it neither reads nor keeps what arrived.
package struct Pattern: Equatable, Sendable {
    /// How far what has arrived so far agrees.
    package enum Match: Equatable { case incomplete, complete, wrong }

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

    /// No byte at all is expected.
    package var isEmpty: Bool { beginning.isEmpty && end == nil }

    /// Bytes that a reader must be able to hold to find out.
    var leastCapacity: Int { beginning.count + (end?.count ?? 0) + 1 }

    /// Compares the first `count` bytes of `buffer`.
    package func match(_ buffer: [UInt8], count: Int) -> Match {
        for index in 0..<min(count, beginning.count) where buffer[index] != beginning[index] { return .wrong }
        guard let end else {
            return count == beginning.count ? .complete : count < beginning.count ? .incomplete : .wrong
        }
        if count < max(beginning.count + end.count, 1) { return .incomplete }
        for index in end.indices where buffer[count - end.count + index] != end[index] { return .incomplete }
        return .complete
    }
}
