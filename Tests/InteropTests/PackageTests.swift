//===----------------------------------------------------------------------===//
// Quartermaster: installing, packaging and what they leave behind, in a copy of the whole system
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Each runs a script of `System/` in an overlay of `/`: real paths, real dpkg, and the machine stays as it was.
    @Suite(
        "The administrator's way in",
        .enabled(if: Overlay.works, "SKIPPED: this machine lets nobody mount an overlay of its root directory")
    )
    struct Packages {
        @Test("the package that stands alone: installed, used, upgraded, removed, purged")
        func alone() throws {
            let packages = try Packages.built.get()
            let names = ["quartermaster", "quartermaster-tools"]
            try Overlay.run("package-alone", names.map(packages.old) + names.map(packages.new))
        }

        @Test("the package for Postfix: mail before, between and after, also across an upgrade of Postfix")
        func postfix() throws {
            let packages = try Packages.built.get()
            let names = ["quartermaster-postfix", "quartermaster-tools"]
            try Overlay.run("package-postfix", names.map(packages.old) + names.map(packages.new))
        }

        @Test("both packages beside each other, and the tools of one version for both")
        func both() throws {
            let packages = try Packages.built.get()
            let names = ["quartermaster-postfix", "quartermaster", "quartermaster-tools"]
            try Overlay.run("package-both", names.map(packages.old))
        }

        @Test("scripts/install: below a prefix, into a Postfix, and back without a trace")
        func install() throws { try Overlay.run("install-script", [Overlay.sources, Overlay.programs]) }

        @Test("the container's master: process 1, the log on standard output")
        func container() throws { try Overlay.run("container", [Overlay.sources, Overlay.programs]) }

        @Test("packages have no errors", .enabled(if: access("/usr/bin/lintian", X_OK) == 0, "SKIPPED: no lintian"))
        func lintian() throws {
            let packages = try Packages.built.get()
            // A build for a test needs libraries of the toolchain that it was made with.
            let suppressed = Overlay.areProgramsStatic ? [] : ["--suppress-tags", "custom-library-search-path"]
            let files = try ["quartermaster", "quartermaster-postfix", "quartermaster-tools"].map {
                try packages.old($0)
            }
            let result = try TestSupport.run(
                ["/usr/bin/lintian", "--fail-on", "error"] + suppressed + files,
                timeout: patience * 6
            )
            #expect(result.succeeded, "\(result)")
        }

        /// Both packages twice, the second of a later version; built once for all tests.
        private static let built = Result { try BuiltPackages() }
    }
}

private final class BuiltPackages: Sendable {
    private let directory: String

    init() throws {
        // It is needed as long as the test program runs; what an earlier one has left is replaced.
        directory = Overlay.sources + "/.build/packages-of-tests"
        try? FileManager.default.removeItem(atPath: directory)
        for revision in ["1", "2"] {
            let command = [Overlay.sources + "/scripts/package", "--fast", "--programs", Overlay.programs]
            let result = try run(
                command + ["--revision", revision, "--output", "\(directory)/\(revision)"],
                timeout: patience * 6
            )
            guard result.succeeded else { throw TestSupportError("no packages: \(result)") }
        }
    }

    func old(_ name: String) throws -> String { try path(name, "1") }
    func new(_ name: String) throws -> String { try path(name, "2") }

    private func path(_ name: String, _ revision: String) throws -> String {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(revision)")
        guard let file = files.first(where: { $0.hasPrefix("\(name)_") && $0.hasSuffix(".deb") }) else {
            throw TestSupportError("no package \(name) among \(files)")
        }
        return "\(directory)/\(revision)/\(file)"
    }
}

/// A copy of the whole system for one script.
private enum Overlay {
    /// The root directory of the sources.
    static let sources = String(#filePath.dropLast("/Tests/InteropTests/PackageTests.swift".utf8.count))
    /// A release build where there is one: that is what people install.
    static let programs = ProcessInfo.processInfo.environment["QM_RELEASE_PRODUCTS"] ?? BuiltProducts.directory
    static let areProgramsStatic = ProcessInfo.processInfo.environment["QM_RELEASE_PRODUCTS"] != nil

    private static let tool = sources + "/Tests/Support/sandbox/in-overlay"

    static let works: Bool = {
        guard geteuid() == 0, let result = try? TestSupport.run(["/bin/sh", tool, "/bin/true"]) else { return false }
        return result.succeeded
    }()

    static func run(_ script: String, _ arguments: [String]) throws {
        var command = ["/bin/sh", tool, "--share", sources]
        if !programs.hasPrefix(sources + "/") { command += ["--share", programs] }
        command += ["\(sources)/Tests/InteropTests/System/\(script)"] + arguments
        let result = try TestSupport.run(command, timeout: patience * 10)
        #expect(result.succeeded && result.output.hasSuffix("\(script): all well\n"), "\(result)")
    }
}
