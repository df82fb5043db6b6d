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

    private func manifest(_ repository: URL) -> String {
        """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "outside",
            dependencies: [.package(path: "\(repository.path)")],
            targets: [
                .executableTarget(
                    name: "outside",
                    dependencies: [
                        .product(name: "ServerSkeleton", package: "\(repository.lastPathComponent.lowercased())")
                    ],
                    swiftSettings: [
                        .strictMemorySafety(), .treatAllWarnings(as: .error),
                        .enableUpcomingFeature("MemberImportVisibility"),
                    ]
                )
            ]
        )

        """
    }

    @Test("a package that depends on ServerSkeleton reads bytes, answers, and gets what it prepared")
    func linesService() throws {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let directory = try TemporaryDirectory("qm-outside")
        try FileManager.default.createDirectory(
            atPath: directory.file("Sources/outside"),
            withIntermediateDirectories: true
        )
        try directory.write(manifest(repository), to: "Package.swift")
        try directory.write(Self.service, to: "Sources/outside/main.swift")
        let scratch = repository.appendingPathComponent(".build/outside-package").path
        let build = Process()
        build.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        build.arguments = [
            "swift", "build", "--package-path", directory.path, "--scratch-path", scratch, "--product", "outside",
        ]
        let output = Pipe()
        build.standardOutput = output
        build.standardError = output
        try build.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        build.waitUntilExit()
        try #require(build.terminationStatus == 0, "\(text)")
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "\(scratch)/debug/outside",
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
