//===----------------------------------------------------------------------===//
// Quartermaster: packages of other people, which depend on this one
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// A package outside of this one, as an author of services has it. What it builds stays below `.build`, so that the
/// rooms beneath it are compiled once.
package struct OutsidePackage: Sendable {
    /// Where the programs are.
    package let products: String

    package func program(_ name: String) -> String { products + "/" + name }

    /// This package's own directory.
    package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// How a package that depends on this one calls it.
    package static let name = URL(fileURLWithPath: repository).lastPathComponent.lowercased()

    /// Writes the files into a fresh directory, builds what they are, and runs its tests.
    ///
    /// - Parameters:
    ///   - files: by their paths in the package.
    ///   - scratch: the name below `.build` of what is kept.
    package init(_ files: [String: String], scratch: String) throws {
        let directory = try TemporaryDirectory("qm-outside")
        for (path, text) in files {
            let parent = URL(fileURLWithPath: directory.file(path)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try directory.write(text, to: path)
        }
        let scratch = "\(Self.repository)/.build/\(scratch)"
        // All at once: what it takes to plan a build would be paid for each program otherwise.
        try Self.swift(["test", "--package-path", directory.path, "--scratch-path", scratch])
        products = scratch + "/debug"
    }

    private static func swift(_ words: [String]) throws {
        // Its tests find our master where it lies.
        let programs = "QUARTERMASTER_PROGRAMS=\(BuiltProducts.directory)"
        let result = try run(["/usr/bin/env", programs, "swift"] + words, timeout: patience * 40)
        guard result.succeeded else { throw TestSupportError("swift \(words.joined(separator: " ")): \(result)") }
    }

    // MARK: what the documents show

    /// The package of the documents, with one more service, which is built as strictly as Swift can; built once.
    package static let ofDocuments = Result {
        var files = try documentFiles()
        let service = "\(repository)/Tests/Support/outside/main.swift"
        files["Sources/outside/main.swift"] = try String(contentsOfFile: service, encoding: .utf8)
        let strict = """
            .executableTarget(
                        name: "outside",
                        dependencies: [skeleton],
                        swiftSettings: [
                            .strictMemorySafety(), .treatAllWarnings(as: .error),
                            .enableUpcomingFeature("MemberImportVisibility"),
                        ]
                    ),
                    .executableTarget(
                        name: "noted",
                        dependencies: [
                            skeleton, .product(name: "ServiceLogging", package: "\(name)"),
                            .product(name: "Logging", package: "swift-log"),
                        ],
                        swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility")]
                    ),
                    .executableTarget(
                        name: "measured",
                        dependencies: [
                            skeleton, .product(name: "ServiceMetrics", package: "\(name)"),
                            .product(name: "Metrics", package: "swift-metrics"),
                        ],
                        swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility")]
                    ),
                    .executableTarget(name: "wordcount"
            """
        let log = #".package(url: "https://github.com/apple/swift-log", from: "1.6.0")"#
        let metrics = #".package(url: "https://github.com/apple/swift-metrics", from: "2.5.0")"#
        files["Package.swift"] = files["Package.swift"]?
            .replacing(#".executableTarget(name: "wordcount""#, with: strict)
            .replacing("dependencies: [.package(", with: "dependencies: [\(log), \(metrics), .package(")
        return try OutsidePackage(files, scratch: "outside-package")
    }

    /// A copy of `examples/template` that depends on the last commit here by its address; built and tested once.
    package static let ofTemplate = Result {
        let template = "\(repository)/examples/template"
        var files: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: template) where path.hasSuffix(".swift") {
            files[path] = try String(contentsOfFile: "\(template)/\(path)", encoding: .utf8)
        }
        let commit = try run(["/usr/bin/env", "git", "-C", repository, "rev-parse", "HEAD"])
        guard commit.succeeded else { throw TestSupportError("git rev-parse: \(commit)") }
        let address = "url: \"file://\(repository)\", revision: \"\(commit.output.prefix(40))\""
        files["Package.swift"] = files["Package.swift"]?
            .replacing(#"path: "../quartermaster""#, with: address)
            .replacing(#"package: "quartermaster""#, with: "package: \"\(name)\"")
        return try OutsidePackage(files, scratch: "outside-template")
    }

    /// The files of the documents, by their paths: each block of code behind `<!-- file: PATH -->`. Depends on this
    /// package by path.
    package static func documentFiles() throws -> [String: String] {
        var files: [String: String] = [:]
        for folder in ["\(repository)/docs", "\(repository)/docs/Quartermaster.docc"] {
            let pages = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for page in pages.sorted() where page.hasSuffix(".md") {
                let text = try String(contentsOfFile: "\(folder)/\(page)", encoding: .utf8)
                try files.merge(blocks(of: text)) { _, _ in throw TestSupportError("\(page): a file is shown twice") }
            }
        }
        files["Package.swift"] = files["Package.swift"]?
            .replacing(#"path: "../quartermaster""#, with: "path: \"\(repository)\"")
            .replacing(#"package: "quartermaster""#, with: "package: \"\(name)\"")
        return files
    }

    private static func blocks(of text: String) throws -> [String: String] {
        var files: [String: String] = [:]
        for part in text.components(separatedBy: "<!-- file: ").dropFirst() {
            let halves = part.components(separatedBy: " -->\n```swift\n")
            guard halves.count >= 2, let code = halves[1].components(separatedBy: "\n```\n").first else {
                throw TestSupportError("no code behind <!-- file: \(part.prefix(60))")
            }
            files[halves[0]] = code + "\n"
        }
        return files
    }
}
