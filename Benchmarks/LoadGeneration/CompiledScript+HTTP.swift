//===----------------------------------------------------------------------===//
// Quartermaster: the head of a response of HTTP/1.x
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the head of a response says of the rest (RFC 9112, 6.3).
package struct ResponseHead: Equatable, Sendable {
    package enum Body: Equatable, Sendable {
        /// So many bytes, perhaps none.
        case length(Int)
        case chunked
        /// Everything until the peer closes.
        case untilClose
    }

    package let body: Body
    /// Bytes up to and with the empty line, with the interim responses before it.
    package let length: Int
    /// The peer takes no other request on this connection.
    package let closes: Bool

    package init(body: Body, length: Int, closes: Bool = false) {
        self.body = body
        self.length = length
        self.closes = closes
    }
}

extension CompiledScript {
    /// The head must have arrived as a whole. Interim responses, of class 1, are passed over.
    func matchHTTP(_ buffer: [UInt8], _ start: Int, _ count: Int, hasBody: Bool = true) -> Match {
        let end = start + count
        var text = start
        while true {
            switch HeadReader.read(buffer.span, from: text, to: end) {
            case nil: return .incomplete
            case .wrong?: return .wrong
            case .interim(let next)?: text = next
            case .head(let body, let next, let closes)?:
                let rest = hasBody ? body : .length(0)
                return .head(ResponseHead(body: rest, length: next - start, closes: closes))
            }
        }
    }
}

/// Reads the lines of one head, each once.
private struct HeadReader {
    enum Result {
        case wrong
        /// The place behind it.
        case interim(Int)
        case head(ResponseHead.Body, Int, closes: Bool)
    }

    /// Lower case: what they are compared with may be either.
    private enum Name {
        static let version = Array("http/1.".utf8)
        static let length = Array("content-length:".utf8)
        static let coding = Array("transfer-encoding:".utf8)
        static let connection = Array("connection:".utf8)
        static let chunked = Array("chunked".utf8)
        static let close = Array("close".utf8)
        static let keepAlive = Array("keep-alive".utf8)
    }

    /// A longer body is a mistake.
    private static let mostBytes = 1 << 50

    private var status = 0
    private var isOld = false
    private var length: Int?
    private var isEncoded = false
    private var isChunked = false
    private var isClosing = false
    private var isKeeping = false
    private var isWrong = false

    /// Nil: the empty line has not come yet.
    static func read(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Result? {
        var reader = HeadReader()
        var line = start
        // What is wrong from the start on is wrong before it is complete.
        if !reader.takeStatus(bytes, start, end) { return .wrong }
        while let lineEnd = endOfLine(bytes, line, end) {
            if lineEnd == line { return reader.result(behind: lineEnd + 2) }
            if line > start { reader.takeField(bytes, line, lineEnd) }
            line = lineEnd + 2
        }
        return nil
    }

    /// Where the line feed's carriage return is.
    private static func endOfLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var index = start + 1
        while index < end {
            if bytes[index] == 10, bytes[index - 1] == 13 { return index - 1 }
            index += 1
        }
        return nil
    }

    /// "HTTP/1.1 200": as far as it has come. What went wrong at the server is not an answer.
    private mutating func takeStatus(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let known = min(end - start, Name.version.count)
        if !Self.begins(bytes, start, start + known, with: Name.version, atMost: known) { return false }
        if end - start < 12 { return end - start < 10 || (49...51).contains(bytes[start + 9]) }
        if bytes[start + 8] != UInt8(ascii: " ") { return false }
        isOld = bytes[start + 7] == UInt8(ascii: "0")
        for index in start + 9..<start + 12 {
            guard (48...57).contains(bytes[index]) else { return false }
            status = status * 10 + Int(bytes[index]) - 48
        }
        // 101 is another protocol, which was not asked for.
        return (100...399).contains(status) && status != 101
    }

    @inline(__always)
    private mutating func takeField(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        switch bytes[start] | 0x20 {
        case UInt8(ascii: "c"):
            if Self.begins(bytes, start, end, with: Name.length) {
                takeLength(bytes, start + Name.length.count, end)
            } else if Self.begins(bytes, start, end, with: Name.connection) {
                takeConnection(bytes, start + Name.connection.count, end)
            }
        case UInt8(ascii: "t"):
            if Self.begins(bytes, start, end, with: Name.coding) {
                isEncoded = true
                isChunked = Self.lastWord(bytes, start + Name.coding.count, end, is: Name.chunked)
            }
        default: break
        }
    }

    /// A number, once, or several times the same.
    private mutating func takeLength(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        let (first, last) = Self.trimmed(bytes, start, end)
        var number = 0
        for index in first..<last {
            guard (48...57).contains(bytes[index]), number < Self.mostBytes else { return isWrong = true }
            number = number * 10 + Int(bytes[index]) - 48
        }
        if first == last || length ?? number != number { isWrong = true }
        length = number
    }

    private mutating func takeConnection(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        var (word, index) = (start, start)
        while index <= end {
            if index == end || bytes[index] == UInt8(ascii: ",") {
                isClosing = isClosing || Self.lastWord(bytes, word, index, is: Name.close)
                isKeeping = isKeeping || Self.lastWord(bytes, word, index, is: Name.keepAlive)
                word = index + 1
            }
            index += 1
        }
    }

    private func result(behind next: Int) -> Result {
        if isWrong { return .wrong }
        if status < 200 { return .interim(next) }
        let closes = isClosing || (isOld && !isKeeping)
        if status == 204 || status == 304 { return .head(.length(0), next, closes: closes) }
        // Two lengths that may differ: a reader of the other would see another end.
        if isEncoded, length != nil { return .wrong }
        if isEncoded { return .head(isChunked ? .chunked : .untilClose, next, closes: closes || !isChunked) }
        guard let length else { return .head(.untilClose, next, closes: true) }
        return .head(.length(length), next, closes: closes)
    }

    // MARK: words

    /// Whether the bytes up to `end` begin with `name`, whose letters are small, or with its first `most` bytes.
    private static func begins(
        _ bytes: Span<UInt8>,
        _ start: Int,
        _ end: Int,
        with name: [UInt8],
        atMost most: Int = .max
    ) -> Bool {
        let count = min(name.count, most)
        if end - start < count { return false }
        for index in 0..<count where lower(bytes[start + index]) != name[index] { return false }
        return true
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == 9 }

    private static func trimmed(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> (first: Int, last: Int) {
        var (first, last) = (start, end)
        while first < last, isBlank(bytes[first]) { first += 1 }
        while last > first, isBlank(bytes[last - 1]) { last -= 1 }
        return (first, last)
    }

    /// Whether the last of the words between commas is this one.
    private static func lastWord(_ bytes: Span<UInt8>, _ start: Int, _ end: Int, is word: [UInt8]) -> Bool {
        var comma = end
        while comma > start, bytes[comma - 1] != UInt8(ascii: ",") { comma -= 1 }
        let (first, last) = trimmed(bytes, comma, end)
        return last - first == word.count && begins(bytes, first, last, with: word)
    }
}
