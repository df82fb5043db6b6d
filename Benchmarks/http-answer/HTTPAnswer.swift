//===----------------------------------------------------------------------===//
// Quartermaster: what is answered to requests over HTTP
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import HTTPRequests
import ServerSkeleton

/// Answers every GET with three bytes, as nginx does with `return 200 "ok\n"`. For measuring: it shows what a worker on
/// the skeleton costs with a protocol that is known to all. It is no web server: it serves no files, reads no
/// bodies and knows no other method. Its line in master.cf:
///
///     8080  inet  n  -  n  -  -  http-answer
struct HTTPAnswer: StreamService {
    /// A head that is longer is refused; every request is a head and nothing else.
    static let maximumRequestSize = 4096
    static let maximumReplySize = 256

    private var date = HTTPDate()

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
    }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        switch HTTPRequest.parse(input) {
        case .emptyLine(let size): return size
        case .incomplete where input.byteCount < Self.maximumRequestSize: return 0
        case .whole(let head) where head.size <= Self.maximumRequestSize && head.method == .get:
            answer(isLast: head.isLast, &reply)
            return head.size
        case .whole(let head) where head.method != .get: refuse(.method, &reply)
        case .refused(let why): refuse(why, &reply)
        case .incomplete, .whole: refuse(.tooLarge, &reply)
        }
        return input.byteCount
    }

    // The bytes of the date are initialised, all of them; that is what `unsafe` has to be said for.

    private mutating func answer(isLast: Bool, _ reply: inout Reply) {
        reply.append("HTTP/1.1 200 OK\r\nServer: http-answer\r\nDate: ")
        reply.append(unsafe date.text(reply.time).span.bytes)
        reply.append("\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: ")
        reply.append(isLast ? "close\r\n\r\nok\n" : "keep-alive\r\n\r\nok\n")
        if isLast { reply.disconnect() }
    }

    /// Where the next request would begin is not known, so the connection ends with this.
    private mutating func refuse(_ why: HTTPRefusal, _ reply: inout Reply) {
        reply.append("HTTP/1.1 ")
        reply.append(why.status)
        reply.append(why == .method ? "\r\nAllow: GET\r\n" : "\r\n")
        reply.append("Server: http-answer\r\nDate: ")
        reply.append(unsafe date.text(reply.time).span.bytes)
        reply.append("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        reply.disconnect()
    }
}
