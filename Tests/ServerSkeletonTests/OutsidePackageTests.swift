//===----------------------------------------------------------------------===//
// Quartermaster: a service in a package of its own
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// What service authors see of us: one product, and no module behind it. Builds ServerSkeleton once more, so it is left
/// out where time is short.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["QM_QUICK"] == nil, "left out of a quick run"))
struct OutsidePackageTests {
    private static let service = """
        import ServerSkeleton

        /// Reads lines, and needs nothing but ServerSkeleton to look at their bytes.
        struct Lines: StreamService {
            struct Secret: Preparation { let text: String }

            private let secret: Secret

            static func prepare(_ context: inout ServiceContext) -> Secret { Secret(text: "from prepare") }

            init(_ context: inout ServiceContext, prepared: consuming Secret) { secret = prepared }

            mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
                guard let end = input.firstIndex(of: UInt8(ascii: "\\n")) else { return 0 }
                let line = input.extracting(0..<end)
                if line.equals("secret") {
                    reply.append(utf8: secret.text)
                } else if line.starts(with: "echo ") {
                    reply.append(utf8: String(utf8: line.extracting(5..<end)))
                } else if end > 0 {
                    reply.append(decimal: Int(line.byte(at: 0)))
                }
                reply.append("\\n")
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

        """

    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The files that a document shows, by their paths: each block of code behind `<!-- file: PATH -->`.
    private static func files(of document: String) throws -> [String: String] {
        let text = try String(contentsOf: repository.appendingPathComponent("docs/\(document)"), encoding: .utf8)
        var files: [String: String] = [:]
        for part in text.components(separatedBy: "<!-- file: ").dropFirst() {
            let path = try #require(part.components(separatedBy: " -->\n```swift\n").first)
            let rest = try #require(part.components(separatedBy: " -->\n```swift\n").dropFirst().first)
            files[path] = try #require(rest.components(separatedBy: "\n```\n").first) + "\n"
        }
        return files
    }

    /// The documents' services and the one above, in the documents' package; built once. The result is the directory of
    /// the programs.
    private static let built = Result { try build() }

    private static func build() throws -> String {
        let directory = try TemporaryDirectory("qm-outside")
        var files = try files(of: "Services.md").merging(files(of: "Tutorial.md")) { $1 }
        files["Sources/outside/main.swift"] = service
        let strict = """
            .executableTarget(
                        name: "outside",
                        dependencies: [skeleton],
                        swiftSettings: [
                            .strictMemorySafety(), .treatAllWarnings(as: .error),
                            .enableUpcomingFeature("MemberImportVisibility"),
                        ]
                    ),
                    .executableTarget(name: "daytime", dependencies: [skeleton]),
                    .executableTarget(name: "wordcount"
            """
        files["Package.swift"] = try #require(files["Package.swift"])
            .replacing(#".executableTarget(name: "wordcount""#, with: strict)
            .replacing(#"path: "../quartermaster""#, with: "path: \"\(repository.path)\"")
            .replacing(#"package: "quartermaster""#, with: "package: \"\(repository.lastPathComponent.lowercased())\"")
        for (path, text) in files {
            let parent = URL(fileURLWithPath: directory.file(path)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try directory.write(text, to: path)
        }
        let scratch = repository.appendingPathComponent(".build/outside-package").path
        let command = ["/usr/bin/env", "swift", "build", "--package-path", directory.path, "--scratch-path", scratch]
        for product in ["outside", "daytime", "wordcount", "lookup", "collect"] {
            let result = try run(command + ["--product", product], timeout: patience * 20)
            guard result.succeeded else { throw TestSupportError("\(product): \(result)") }
        }
        return scratch + "/debug"
    }

    @Test("the services of the documents do what they say")
    func documents() throws {
        let programs = try Self.built.get()
        let room = try ServerRoom()
        let stream = try room.unixListener("wordcount")
        let words = try ServerChild(
            "\(programs)/wordcount",
            ["-t", "unix", "-o", "wordcount_line_limit=20"],
            room: room,
            listeners: [stream.number]
        )
        let client = try room.connect("wordcount")
        #expect(try client.exchange("one two\nthree\n", 14) == "ready\n2 2\n1 3\n")
        #expect(try client.exchange(String(repeating: "x ", count: 20) + "\n", 9) == "too long\n")
        #expect(room.log.contains("a line of 40 bytes"))
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(words.isRunning)

        try room.directory.write("rose red\nviolet blue\n", to: "colours")
        let blocking = try room.unixListener("lookup")
        let lookup = try ServerChild(
            "\(programs)/lookup",
            ["-t", "unix", "-o", "lookup_file=" + room.directory.file("colours")],
            room: room,
            listeners: [blocking.number]
        )
        let asker = try room.connect("lookup")
        #expect(try asker.exchange("violet\n", 5) == "blue\n")
        #expect(try asker.exchange("tulip\n", 10) == "not found\n")
        #expect(lookup.isRunning)

        let path = room.directory.file("lines")
        let socket = try room.datagramSocket("collect")
        let collect = try ServerChild(
            "\(programs)/collect",
            ["-t", "unix-dgram", "-l", "-o", "collect_file=\(path)"],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender("collect")
        for text in ["one", "two"] { try sender.send(text) }
        #expect(eventually { (try? String(contentsOfFile: path, encoding: .utf8)) == "one\ntwo\n" })
        #expect(collect.isRunning)
    }

    @Test("the tutorial's service tells the time")
    func tutorial() throws {
        let programs = try Self.built.get()
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let format = ["-t", "unix", "-o", "daytime_format=it is %Y"]
        let child = try ServerChild("\(programs)/daytime", format, room: room, listeners: [listener.number])
        let client = try room.connect()
        let text = try client.receive(11)
        #expect(text.hasPrefix("it is 20") && text.hasSuffix("\n"), "\(text)")
        #expect(client.isDisconnected())
        #expect(child.isRunning)
    }

    @Test("a package that depends on ServerSkeleton reads bytes, answers, and gets what it prepared")
    func linesService() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            try Self.built.get() + "/outside",
            ["-t", "unix"],
            room: room,
            listeners: [listener.number]
        )
        let client = try room.connect()
        #expect(try client.exchange("secret\n", 13) == "from prepare\n")
        #expect(try client.exchange("echo a b\n", 4) == "a b\n")
        #expect(try client.exchange("A\n", 3) == "65\n")
        #expect(child.isRunning)
    }
}
