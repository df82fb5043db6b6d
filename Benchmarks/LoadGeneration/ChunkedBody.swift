//===----------------------------------------------------------------------===//
// Quartermaster: a body of HTTP/1.1 in chunks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Where the end of a chunked body is (RFC 9112, 7.1). It remembers where it stands from one read to the next, in a few
/// numbers, and looks at no byte of the chunks themselves.
package struct ChunkedBody: Sendable {
    package enum State: UInt8, Sendable {
        /// The size of a chunk, from its first digit on.
        case firstDigit, digits
        /// What may follow the size; it means nothing to us.
        case sizeExtension, sizeEnd
        case data, dataReturn, dataEnd
        /// Lines behind the last chunk, up to an empty one.
        case trailerStart, trailer, trailerEnd, lastEnd
        case over
    }

    package enum Progress: Equatable, Sendable {
        case incomplete, complete, wrong
    }

    /// A larger chunk is a mistake, and its size would not fit.
    private static let largestChunk = 1 << 50
    /// Bytes of extensions and trailers in one body; more is a mistake.
    package static let mostSmallPrint = 65536

    private var state = State.firstDigit
    /// Of the current chunk: its size so far, then the bytes to come.
    private var left = 0
    private var smallPrint = 0

    package init() {}

    /// Goes through the next `count` bytes.
    package mutating func take(_ buffer: [UInt8], from start: Int, count: Int) -> Progress {
        let (bytes, end) = (buffer.span, start + count)
        var index = start
        while index < end {
            if state == .over { return .wrong }
            if state == .data {
                let taken = min(left, end - index)
                left -= taken
                index += taken
                if left == 0 { state = .dataReturn }
                continue
            }
            guard let next = next(bytes[index]) else { return .wrong }
            state = next
            index += 1
        }
        return state == .over ? .complete : .incomplete
    }

    /// The state behind this byte; nil: it is not allowed here.
    private mutating func next(_ byte: UInt8) -> State? {
        switch state {
        case .firstDigit: return addDigit(byte)
        case .digits: return isSizeOver(byte) ? afterSize(byte) : addDigit(byte)
        case .sizeExtension: return byte == 13 ? .sizeEnd : small(byte) ? .sizeExtension : nil
        case .sizeEnd: return byte == 10 ? (left > 0 ? .data : .trailerStart) : nil
        case .data, .over: return nil
        case .dataReturn: return byte == 13 ? .dataEnd : nil
        case .dataEnd: return byte == 10 ? .firstDigit : nil
        case .trailerStart: return byte == 13 ? .lastEnd : small(byte) ? .trailer : nil
        case .trailer: return byte == 13 ? .trailerEnd : small(byte) ? .trailer : nil
        case .trailerEnd: return byte == 10 ? .trailerStart : nil
        case .lastEnd: return byte == 10 ? .over : nil
        }
    }

    private mutating func addDigit(_ byte: UInt8) -> State? {
        let digit: UInt8
        switch byte {
        case 48...57: digit = byte - 48
        case 65...70: digit = byte - 55
        case 97...102: digit = byte - 87
        default: return nil
        }
        left = left << 4 | Int(digit)
        return left <= Self.largestChunk ? .digits : nil
    }

    private func isSizeOver(_ byte: UInt8) -> Bool {
        byte == 13 || byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") || byte == 9
    }

    private func afterSize(_ byte: UInt8) -> State { byte == 13 ? .sizeEnd : .sizeExtension }

    /// Counts a byte of the small print; a bare line feed is none.
    private mutating func small(_ byte: UInt8) -> Bool {
        smallPrint += 1
        return byte != 10 && smallPrint <= Self.mostSmallPrint
    }
}
