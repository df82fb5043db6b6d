//===----------------------------------------------------------------------===//
// Quartermaster: tools of the repository, with stand-ins for the programs that they call
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Tools of the repository")
struct ToolTests {
    private static let repository = String(#filePath.dropLast("/Tests/IntegrationTests/ToolTests.swift".utf8.count))
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: directory.file("bin"), withIntermediateDirectories: true)
    }

    /// A program that is found before the system's.
    private func standIn(_ name: String, _ text: String) throws {
        let path = try directory.write("#!/bin/sh\n" + text, to: "bin/" + name)
        chmod(path, 0o755)
    }

    private func call(_ command: [String]) throws -> ProcessResult {
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = directory.file("bin") + ":" + (environment["PATH"] ?? "")
        environment["TMPDIR"] = directory.path
        return try run(command, environment: environment, directory: Self.repository)
    }

    /// What the compiler makes of the model: a search that finds a client left in the queue where a rule is missing.
    private func compiler(_ withoutRule: String) -> String {
        """
        cat >pan <<'END'
        #!/bin/sh
        case $PWD in
        */all) echo "State-vector 1 byte, depth reached 1, errors: 0"; echo "    12 states, stored" ;;
        *) \(withoutRule) ;;
        esac
        END
        chmod 755 pan

        """
    }

    @Test(
        "check-models believes a search that came to its end, and no other",
        arguments: [
            ("echo 'errors: 1'", nil, true), ("echo 'errors: 0'", "does not show what the rule is for", false),
            ("kill -KILL $$", "did not come to its end", false), (":", "did not come to its end", false),
            ("echo 'errors: 1'; exit 1", "did not come to its end", false),
        ] as [(String, String?, Bool)]
    )
    func models(search: String, complaint: String?, isContent: Bool) throws {
        try standIn("spin", ":")
        try standIn("gcc", compiler(search))
        let result = try call(["scripts/check-models"])
        #expect(result.succeeded == isContent, "\(result)")
        #expect(result.output.contains("each of the rules is needed") == isContent, "\(result)")
        if let complaint { #expect(result.output.contains(complaint), "\(result)") }
    }

    @Test("check-models does not believe a search that did not compile")
    func compilation() throws {
        try standIn("spin", ":")
        try standIn("gcc", "case $PWD in */all) ;; *) exit 1 ;; esac\n" + compiler(""))
        let result = try call(["scripts/check-models"])
        #expect(!result.succeeded && !result.output.contains("each of the rules is needed"), "\(result)")
    }

    @Test("the programs of another commit are built as that commit builds them", arguments: [true, false])
    func commits(hasScript: Bool) throws {
        let tree = directory.file("tree")
        let build = """
            mkdir -p .build/release
            while [ $# != 1 ]; do shift; done
            echo "$0" >.build/release/$1
            """
        try standIn("swift", build)
        let script = hasScript ? "scripts/release" : "scripts/other"
        let commands = """
            import os, subprocess, sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, "\(Self.repository)/perf")
            from measure import command, commits
            tree = "\(tree)"
            os.makedirs(tree + "/scripts")
            with open(tree + "/\(script)", "w") as file:
                file.write(sys.argv[1])
            os.chmod(tree + "/\(script)", 0o755)
            git = ["git", "-C", tree, "-c", "user.name=n", "-c", "user.email=e@localhost", "-c", "commit.gpgsign=false"]
            for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
                subprocess.run(git + words, check=True)
            command.REPOSITORY, command.OUT = tree, "\(directory.file("out"))"
            print(open(commits.products("HEAD")[1] + "/master").read())
            """
        let result = try call(["/usr/bin/env", "python3", "-c", commands, "#!/bin/sh\n" + build + "\n"])
        #expect(result.succeeded, "\(result)")
        #expect(result.output.contains(hasScript ? "scripts/release\n" : "/bin/swift\n"), "\(result)")
    }
}
