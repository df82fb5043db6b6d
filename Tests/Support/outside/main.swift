//===----------------------------------------------------------------------===//
// Quartermaster: a service in a package of its own, built by a test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Reads lines, and needs nothing but ServerSkeleton to look at their bytes.
struct Lines: StreamService {
    struct Secret: Preparation { let text: String }

    private let secret: Secret

    static func prepare(_ context: inout ServiceContext) -> Secret { Secret(text: "from prepare") }

    init(_ context: inout ServiceContext, prepared: consuming Secret) { secret = prepared }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
        let line = input.extracting(0..<end)
        if line.equals("numbers") {
            // What an author with strict memory safety and without experimental features can write.
            var fields = line.split(separator: UInt8(ascii: "b"))
            while let field = fields.next() { reply.append(decimal: field.byteCount, width: 3, padding: .zeros) }
            let more: [UInt8] = [0x2e]
            reply.append(more)
            reply.append(more.span)
            reply.append(netstring: line.trimmed)
            reply.append(attribute: "a", line, .plain)
        } else if line == "secret" {
            reply.append(utf8: secret.text)
        } else if line.starts(with: "echo ") {
            reply.append(utf8: String(utf8: line.extracting(5..<end)))
        } else if end > 0 {
            reply.append(decimal: Int(line.byte(at: 0)))
        }
        reply.append("\n")
        return end + 1
    }
}

/// One that prepares nothing writes what it needs, and no more.
struct Simple: StreamService {
    init(_ context: inout ServiceContext) { context.refuseArguments() }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        input.byteCount
    }
}

if CommandLine.arguments.contains("serve=simple") { StreamServer<Simple>.main() }
StreamServer<Lines>.main()
