//===----------------------------------------------------------------------===//
// Quartermaster: a request as it comes in, in whatever pieces
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Gathers one line, and never more than a line may have. A connection carries one request, so what stands behind the
/// line is a mistake.
package struct RequestLine: Sendable {
    package enum Outcome: Equatable, Sendable {
        /// The newline has not come yet.
        case unfinished
        /// The whole line, without its newline.
        case line([UInt8])
        /// More bytes than a request has.
        case tooLong
        /// Bytes behind the line.
        case surplus
    }

    private var bytes: [UInt8] = []
    private var isOver = false

    package init() {}

    /// What has come of a line that is not whole yet.
    package var unfinished: [UInt8] { isOver ? [] : bytes }

    /// Bytes that may come before the line is too long.
    package var room: Int { ControlRequest.longestLine + 1 - bytes.count }

    /// Takes the next bytes, in their order.
    package mutating func take(_ piece: some Collection<UInt8>) -> Outcome {
        if piece.isEmpty { return isOver ? .surplus : .unfinished }
        if isOver { return .surplus }
        if let end = piece.firstIndex(of: UInt8(ascii: "\n")) {
            let rest = piece[..<end]
            guard bytes.count + rest.count <= ControlRequest.longestLine else { return .tooLong }
            isOver = true
            bytes += rest
            return piece.index(after: end) == piece.endIndex ? .line(bytes) : .surplus
        }
        guard bytes.count + piece.count <= ControlRequest.longestLine else { return .tooLong }
        bytes += piece
        return .unfinished
    }
}
