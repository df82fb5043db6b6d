//===----------------------------------------------------------------------===//
// Quartermaster: what /proc says about processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// One process as seen at one moment. Fields of a process that ended meanwhile are empty.
package struct ProcessSnapshot: Sendable {
    package let pid: Int32
    package let parent: Int32
    package let group: Int32
    package let session: Int32
    package let state: Character
    package let arguments: [String]
    package let program: String
    package let rootDirectory: String
    package let workingDirectory: String

    /// The last component of the program's path.
    package var name: String { (program as NSString).lastPathComponent }

    package init?(_ pid: Int32) {
        let directory = "/proc/\(pid)"
        guard let stat = readText(directory + "/stat"), let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 4, let parent = Int32(fields[1]), let group = Int32(fields[2]),
            let session = Int32(fields[3])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.group = group
        self.session = session
        state = fields[0].first ?? "?"
        arguments = (readText(directory + "/cmdline") ?? "").split(separator: "\0").map(String.init)
        program = linkTarget(directory + "/exe")
        rootDirectory = linkTarget(directory + "/root")
        workingDirectory = linkTarget(directory + "/cwd")
    }
}

/// Looks processes up by what they run, never by a pattern that could match a stranger.
package enum ProcessTable {
    package static var all: [ProcessSnapshot] { pids.compactMap { ProcessSnapshot($0) } }

    /// Living processes that run a program in the given directory.
    package static func running(programsIn directory: String) -> [ProcessSnapshot] {
        // Tests ask often, and most processes are strangers: one look is enough for those.
        pids.filter { linkTarget("/proc/\($0)/exe").hasPrefix(directory + "/") }
            .compactMap { ProcessSnapshot($0) }
            .filter { $0.program.hasPrefix(directory + "/") && $0.state != "Z" }
    }

    private static var pids: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
    }

    package static func exists(_ pid: Int32) -> Bool { kill(pid, 0) == 0 }

    /// Whether the process has asked for the signal to be thrown away.
    package static func ignores(_ signal: Int32, _ pid: Int32) -> Bool {
        let lines = (readText("/proc/\(pid)/status") ?? "").split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("SigIgn:") }),
            let set = line.split(whereSeparator: { $0 == ":" || $0 == "\t" }).last.flatMap({ UInt64($0, radix: 16) })
        else { return false }
        return set >> UInt64(signal - 1) & 1 == 1
    }
}

func readText(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return String(decoding: data, as: UTF8.self)
}

private func linkTarget(_ path: String) -> String {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink(path, &target, target.count)
    return String(decoding: target.prefix(max(count, 0)), as: UTF8.self)
}
