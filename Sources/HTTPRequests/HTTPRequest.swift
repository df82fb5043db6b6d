//===----------------------------------------------------------------------===//
// Quartermaster: one request over HTTP, as it stands in the input
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Why a request gets no answer. Where the next one would begin is not known, so the connection ends with it.
package enum HTTPRefusal: Sendable {
    case malformed, method, tooLarge, version

    /// As in the first line of a response.
    package var status: StaticString {
        switch self {
        case .malformed: "400 Bad Request"
        case .method: "405 Method Not Allowed"
        case .tooLarge: "431 Request Header Fields Too Large"
        case .version: "505 HTTP Version Not Supported"
        }
    }
}

/// What can be asked for. Both mean the same, and a HEAD is answered without the body.
package enum HTTPMethod: Sendable {
    case get, head
}

/// The head of a request that is whole. Ranges are places in the input.
package struct HTTPHead: Sendable {
    /// Bytes of the request.
    package let size: Int
    package let method: HTTPMethod
    package let target: Range<Int>
    /// The value of the first field `Accept`.
    package let accept: Range<Int>?
    /// Whether the connection ends after it.
    package let isLast: Bool
}

/// Finds the head of a request in place: request line, fields, empty line (RFC 9112). A body is refused: it is not
/// read.
package enum HTTPRequest {
    /// More input is needed.
    case incomplete
    /// Before a request an empty line means nothing.
    case emptyLine(size: Int)
    case whole(HTTPHead)
    case refused(HTTPRefusal)

    private enum Version {
        case older, current
    }

    private enum Opening {
        case valid(HTTPMethod, target: Range<Int>, Version)
        case refused(HTTPRefusal)
    }

    package static func parse(_ input: borrowing RawSpan) -> HTTPRequest {
        guard let first = Line(input, from: 0) else { return .incomplete }
        if first.isEmpty { return .emptyLine(size: first.next) }
        var fields = HTTPFields()
        var place = first.next
        while let line = Line(input, from: place) {
            place = line.next
            if line.isEmpty { return judged(input, first, fields, size: place) }
            if !fields.add(input.extracting(line.start..<line.end), at: line.start) { return .refused(.malformed) }
        }
        return .incomplete
    }

    private static func judged(
        _ input: borrowing RawSpan,
        _ first: Line,
        _ fields: HTTPFields,
        size: Int
    ) -> HTTPRequest {
        if input.extracting(0..<size).firstIndex(of: 0) != nil { return .refused(.malformed) }
        switch opening(input.extracting(first.start..<first.end)) {
        case .refused(let why): return .refused(why)
        case .valid(let method, let target, let version):
            // Since 1.1 there has to be one host.
            let isHosted = version == .current ? fields.hosts == 1 : fields.hosts <= 1
            if !isHosted || fields.hasBody { return .refused(.malformed) }
            let isLast = fields.wantsClose || (version == .older && !fields.wantsKeeping)
            return .whole(HTTPHead(size: size, method: method, target: target, accept: fields.accept, isLast: isLast))
        }
    }

    /// `method SP target SP HTTP/1.x`, at the start of the input.
    private static func opening(_ line: borrowing RawSpan) -> Opening {
        let blank = UInt8(ascii: " ")
        guard let methodEnd = line.firstIndex(of: blank), methodEnd > 0,
            let targetEnd = line.firstIndex(of: blank, from: methodEnd + 1), targetEnd > methodEnd + 1
        else { return .refused(.malformed) }
        let version = line.extracting(targetEnd + 1..<line.byteCount)
        let isCurrent = version.equals("HTTP/1.1")
        if !isCurrent, !version.equals("HTTP/1.0") {
            return .refused(version.byteCount == 8 && version.starts(with: "HTTP/") ? .version : .malformed)
        }
        let method = line.extracting(0..<methodEnd)
        let target = methodEnd + 1..<targetEnd
        if method.equals("GET") { return .valid(.get, target: target, isCurrent ? .current : .older) }
        if method.equals("HEAD") { return .valid(.head, target: target, isCurrent ? .current : .older) }
        return .refused(.method)
    }
}

/// Where a line is, without its end, which is CR LF or, from careless clients, LF.
private struct Line {
    let start: Int
    let end: Int
    let next: Int

    var isEmpty: Bool { start == end }

    /// Nil when the end is not there yet.
    init?(_ input: borrowing RawSpan, from start: Int) {
        guard let newline = input.firstIndex(of: UInt8(ascii: "\n"), from: start) else { return nil }
        self.start = start
        next = newline + 1
        end = newline > start && input.byte(at: newline - 1) == UInt8(ascii: "\r") ? newline - 1 : newline
    }
}
