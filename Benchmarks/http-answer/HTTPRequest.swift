//===----------------------------------------------------------------------===//
// Quartermaster: one request over HTTP, as it stands in the input
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Why a request gets no answer.
enum HTTPRefusal {
    case malformed, method, tooLarge, version
}

/// Finds the head of a request in place: request line, fields, empty line (RFC 9112). What is in the target does not
/// matter here. A body is refused: it is not read.
enum HTTPRequest {
    /// More input is needed.
    case incomplete
    /// Before a request an empty line means nothing.
    case emptyLine(size: Int)
    /// `isLast`: the connection ends after it.
    case whole(size: Int, isLast: Bool)
    case refused(HTTPRefusal)

    private enum Version {
        case older, current
    }

    private enum Opening {
        case version(Version)
        case refused(HTTPRefusal)
    }

    static func parse(_ input: borrowing RawSpan) -> HTTPRequest {
        guard let first = Line(input, from: 0) else { return .incomplete }
        if first.isEmpty { return .emptyLine(size: first.next) }
        var fields = HTTPFields()
        var place = first.next
        while let line = Line(input, from: place) {
            place = line.next
            if line.isEmpty { return judged(input, first, fields, size: place) }
            if !fields.add(input.extracting(line.start..<line.end)) { return .refused(.malformed) }
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
        case .version(let version):
            // Since 1.1 there has to be one host.
            let isHosted = version == .current ? fields.hosts == 1 : fields.hosts <= 1
            if !isHosted || fields.hasBody { return .refused(.malformed) }
            let isLast = fields.wantsClose || (version == .older && !fields.wantsKeeping)
            return .whole(size: size, isLast: isLast)
        }
    }

    /// `method SP target SP HTTP/1.x`
    private static func opening(_ line: borrowing RawSpan) -> Opening {
        let blank = UInt8(ascii: " ")
        guard let methodEnd = line.firstIndex(of: blank), methodEnd > 0,
            let targetEnd = line.firstIndex(of: blank, from: methodEnd + 1), targetEnd > methodEnd + 1
        else { return .refused(.malformed) }
        let version = line.extracting(targetEnd + 1..<line.byteCount)
        let isGet = line.extracting(0..<methodEnd).equals("GET")
        if version.equals("HTTP/1.1") { return isGet ? .version(.current) : .refused(.method) }
        if version.equals("HTTP/1.0") { return isGet ? .version(.older) : .refused(.method) }
        return .refused(version.byteCount == 8 && version.starts(with: "HTTP/") ? .version : .malformed)
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
