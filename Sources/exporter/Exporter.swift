//===----------------------------------------------------------------------===//
// Quartermaster: what is answered to requests over HTTP
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import HTTPRequests
import MasterOverview
import ServerSkeleton

/// Shows master's state to scrapers, programs and people. It reads master's pages in the queue directory and nothing
/// else: it needs no privilege, works in a chroot, and cannot disturb master. Its line in master.cf:
///
///     127.0.0.1:9154  inet  n  -  n  -  2  exporter
struct Exporter: StreamService {
    static let timeout = Parameter.time("exporter_timeout", default: "10s", min: 1)
    static let clientLimit = Parameter.integer("exporter_client_limit", default: 100, min: 1)
    static var parameters: [any ServiceParameter] { [timeout, clientLimit] }

    /// A head that is longer is refused; every request is a head and nothing else.
    static let maximumRequestSize = 8192
    /// Room for some thousand services. Memory that is not needed is not touched.
    static let maximumReplySize = 16 << 20
    static let limitsSilence = true

    private var views: Views
    private var date = HTTPDate()
    private let clientLimit: Int
    private var clients = 0

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
        context.clientTimeout = context.value(of: Self.timeout)
        clientLimit = context.value(of: Self.clientLimit)
        views = Views(hasMaster: !context.isOneShot)
    }

    /// Replies are long, and one that its client does not read is kept in memory: so there are not too many of them.
    mutating func clientArrived(_ client: Client, reply: inout Reply) {
        clients += 1
        if clients > clientLimit {
            begin("503 Service Unavailable", isLast: true, &reply)
            end("text/plain; charset=utf-8", ["too many connections\n"], .get, &reply)
        }
    }

    mutating func clientLeft(_ client: consuming Void) { clients -= 1 }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        switch HTTPRequest.parse(input) {
        case .emptyLine(let size): return size
        case .incomplete where input.byteCount < Self.maximumRequestSize: return 0
        case .whole(let head) where head.size <= Self.maximumRequestSize:
            answer(input, head, &reply)
            return head.size
        case .refused(let why): refuse(why, &reply)
        case .incomplete, .whole: refuse(.tooLarge, &reply)
        }
        return input.byteCount
    }

    // MARK: answers

    private mutating func answer(_ input: RawSpan, _ head: HTTPHead, _ reply: inout Reply) {
        let view: View
        switch Route(input.extracting(head.target)) {
        case .page:
            begin("200 OK", isLast: head.isLast, &reply)
            reply.append(WebPage.securityPolicy)
            return end("text/html; charset=utf-8", WebPage.parts, head.method, &reply)
        case .health:
            begin("200 OK", isLast: head.isLast, &reply)
            return end("text/plain; charset=utf-8", ["ok\n"], head.method, &reply)
        case .unknown:
            begin("404 Not Found", isLast: head.isLast, &reply)
            let text: StaticString = "there are /, /metrics, /status.json, /healthz and /readyz\n"
            return end("text/plain; charset=utf-8", [text], head.method, &reply)
        case .readiness: view = views.readiness(reply.time)
        case .status: view = views.status(reply.time)
        case .metrics:
            let accept = head.accept.map { Accept(input.extracting($0)) } ?? Accept()
            view = views.metrics(accept.prefersOpenMetrics ? .openMetrics : .prometheus, reply.time)
        }
        begin(view.isFine ? "200 OK" : "503 Service Unavailable", isLast: head.isLast, &reply)
        end(view.type, view.text, head.method, &reply)
    }

    private mutating func refuse(_ why: HTTPRefusal, _ reply: inout Reply) {
        begin(why.status, isLast: true, &reply)
        if why == .method { reply.append("Allow: GET, HEAD\r\n") }
        reply.append("Content-Length: 0\r\n\r\n")
    }

    // MARK: their parts

    private mutating func begin(_ status: StaticString, isLast: Bool, _ reply: inout Reply) {
        reply.append("HTTP/1.1 ")
        reply.append(status)
        reply.append("\r\nServer: quartermaster-exporter\r\nDate: ")
        // The bytes of the date are initialised, all of them; that is what `unsafe` has to be said for.
        reply.append(unsafe date.text(reply.time).span.bytes)
        reply.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: ")
        reply.append(isLast ? "close\r\n" : "keep-alive\r\n")
        if isLast { reply.disconnect() }
    }

    private func end(_ type: StaticString, _ body: [StaticString], _ method: HTTPMethod, _ reply: inout Reply) {
        endHead(type, body.reduce(0) { $0 + $1.utf8CodeUnitCount }, &reply)
        if method == .get { for part in body { reply.append(part) } }
    }

    /// What is too long for a reply disconnects the client, with a warning of the skeleton's.
    private func end(_ type: StaticString, _ body: [UInt8], _ method: HTTPMethod, _ reply: inout Reply) {
        endHead(type, body.count, &reply)
        // As above.
        if method == .get { reply.append(unsafe body.span.bytes) }
    }

    private func endHead(_ type: StaticString, _ size: Int, _ reply: inout Reply) {
        reply.append("Content-Type: ")
        reply.append(type)
        reply.append("\r\nContent-Length: ")
        reply.append(decimal: size)
        reply.append("\r\n\r\n")
    }
}
