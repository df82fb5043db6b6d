//===----------------------------------------------------------------------===//
// Quartermaster: the request that a client of HTTP repeats
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One request of HTTP/1.1, without TLS.
package struct HTTPRequestText: Equatable, Sendable {
    /// What cannot be asked, in words for the person who typed it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    package var method = "GET"
    /// Path and query, as they go into the request.
    package private(set) var path = "/"
    /// The value of Host, which `fields` can replace.
    package private(set) var host = "localhost"
    package var fields: [(name: String, value: String)] = []
    package var body: [UInt8] = []

    package init() {}

    /// `http://host[:port][/path][?query]`
    package init(url: String) throws(Problem) {
        if url.hasPrefix("https://") {
            throw Problem(description: "\(url): TLS is not spoken here; load the plain port behind it")
        }
        guard url.hasPrefix("http://") else {
            throw Problem(
                description: "\(url): a URL begins with http://; other places go with --unix, --tcp, --udp or --fifo"
            )
        }
        let rest = url.dropFirst("http://".count).prefix { $0 != "#" }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        if authority.isEmpty || authority.contains("@") {
            throw Problem(description: "\(url): expected http://HOST:PORT/PATH, without a user's name")
        }
        host = String(authority)
        let tail = rest.dropFirst(authority.count)
        path = tail.hasPrefix("/") ? String(tail) : "/" + tail
        guard path.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw Problem(description: "\(url): blanks and other than ASCII stand as %XX in a URL")
        }
    }

    /// `HOST:PORT` as `Target` reads it; port 80 where none is named.
    package var endPoint: String {
        let hasPort = host.last != "]" && host.contains(":")
        return hasPort ? host : host + ":80"
    }

    /// A header field as `Name: value`.
    package mutating func add(field text: String) throws(Problem) {
        let name = text.prefix { $0 != ":" }
        let value = text.dropFirst(name.count + 1).drop { $0 == " " }
        guard name.count < text.count, Self.isToken(name),
            value.unicodeScalars.allSatisfy({ $0 >= " " && $0 != "\u{7f}" })
        else {
            throw Problem(
                description: "\"\(EscapedText.show(Array(text.utf8)))\": expected \"Name: value\" on one line"
            )
        }
        fields.append((String(name), String(value)))
    }

    package mutating func setMethod(_ text: String) throws(Problem) {
        guard Self.isToken(text[...]), text != "CONNECT" else {
            throw Problem(description: "\(text): expected a method such as GET, HEAD or POST")
        }
        method = text
    }

    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    /// `keepsConnections` says whether the server is asked to close.
    package func script(keepsConnections: Bool) -> Script {
        var lines = ["\(method) \(path) HTTP/1.1"]
        func add(_ name: String, _ value: String) {
            let isGiven = fields.contains { $0.name.lowercased() == name.lowercased() }
            if !isGiven { lines.append("\(name): \(value)") }
        }
        add("Host", host)
        add("User-Agent", "bench-accept")
        if !body.isEmpty { add("Content-Length", String(body.count)) }
        if !keepsConnections { add("Connection", "close") }
        lines += fields.map { "\($0.name): \($0.value)" }
        let head = lines.map { $0 + "\r\n" }.joined() + "\r\n"
        let reply = method == "HEAD" ? ReplyRule.httpHead : .http
        return Script(exchange: [ScriptStep(send: Array(head.utf8) + body, expect: reply)])
    }

    package static func == (left: HTTPRequestText, right: HTTPRequestText) -> Bool {
        left.script(keepsConnections: true) == right.script(keepsConnections: true)
    }
}
