//===----------------------------------------------------------------------===//
// Quartermaster: the copy of main.cf that master accepted last
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
package import SystemCalls

/// The main.cf that master accepted last, kept for processes that start while the file itself cannot be used. master
/// writes it into the queue directory, where its children start; they read it, as root or as master's own user.
///
/// The first line is a comment that names the configuration directory, so that a queue directory that changed hands
/// does not hand out another system's settings. The rest is the file as it was.
package struct AcceptedMainConfig: Equatable, Sendable {
    /// Below the queue directory.
    package static var path: String { "pid/main.cf.accepted" }

    /// The directory of the main.cf that this is a copy of.
    package let directory: String
    /// The bytes of that main.cf.
    package let bytes: [UInt8]

    package init(directory: String, bytes: [UInt8]) {
        self.directory = directory
        self.bytes = bytes
    }

    private static func firstLine(_ directory: String) -> [UInt8] {
        Array("# \(directory)/main.cf as master accepted it last.\n".utf8)
    }

    /// The content of the copy. The first line is a comment when the whole is read as a main.cf.
    package var encoded: [UInt8] { Self.firstLine(directory) + bytes }

    /// Whether a process finds the same values in either.
    package func setsTheSame(as other: AcceptedMainConfig) -> Bool {
        if bytes == other.bytes { return true }
        var problems: [ConfigProblem] = []
        let dictionaries = [bytes, other.bytes].map { MainDictionary(parsing: $0, path: "", problems: &problems) }
        // Where a line cannot be read, nobody knows what it is meant to set.
        return !problems.hasFatal && dictionaries[0].setsTheSame(as: dictionaries[1])
    }

    /// Reads what `encoded` wrote; nil when it is the copy of another directory's main.cf, or no copy at all.
    package init?(decoding content: [UInt8], directory: String) {
        let first = Self.firstLine(directory)
        guard content.starts(with: first) else { return nil }
        self.init(directory: directory, bytes: Array(content[first.count...]))
    }
}

extension AcceptedMainConfig {
    /// Replaces the copy at once, so that a reader finds the old one or the new one. Readable to its owner only.
    package func write(to path: String = path) throws(SystemError) {
        let fresh = path + ".new"
        try removeFile(fresh)
        do throws(SystemError) {
            let file = try openFile(fresh, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
            var rest = encoded[...]
            while !rest.isEmpty {
                guard case .bytes(let count) = try file.number.write(Array(rest)) else { continue }
                rest = rest.dropFirst(count)
            }
            try renameFile(fresh, to: path)
        } catch {
            try? removeFile(fresh)
            throw error
        }
    }

    /// Reads the copy of `directory`'s main.cf. Refused are a link, anything but a file, and a file that another user
    /// owns, has another name for, or may write to.
    package static func read(
        directory: String,
        from path: String = path
    ) throws(CarefulOpenError) -> AcceptedMainConfig {
        let content = try bytes(at: path)
        guard let copy = AcceptedMainConfig(decoding: content, directory: directory) else {
            throw .refused("it is not a copy of \(directory)/main.cf")
        }
        return copy
    }

    private static func bytes(at path: String) throws(CarefulOpenError) -> [UInt8] {
        var bytes: [UInt8] = []
        let reason: String?
        do throws(SystemError) {
            // A FIFO in its place must not make us wait for a writer.
            let file = try openFile(path, [.readOnly, .noFollow, .nonBlocking])
            reason = refusal(try file.number.facts())
            while reason == nil, let block = try file.number.read(atMost: 16 * 1024), !block.isEmpty { bytes += block }
        } catch {
            throw .cannot(doing: "cannot read file", error)
        }
        if let reason { throw .refused(reason) }
        return bytes
    }

    private static func refusal(_ facts: FileFacts) -> String? {
        if facts.kind != .file { return "it is no regular file" }
        if facts.owner != 0, facts.owner != Identity.effectiveUser { return "it is owned by user \(facts.owner)" }
        if facts.links != 1 { return "it has \(facts.links) hard links" }
        if facts.isWritableByOthers { return "others may write to it" }
        return nil
    }
}

/// What the accepted copy says, as `loadMainConfig` does for the file itself. Lines in messages are those of the copy.
package func loadAcceptedMainConfig(
    directory: String,
    processName: String
) throws(CarefulOpenError) -> LoadedMainConfig {
    loadedMainConfig(of: try AcceptedMainConfig.read(directory: directory), processName: processName)
}

/// The same for a copy that is known already.
package func loadedMainConfig(of copy: AcceptedMainConfig, processName: String) -> LoadedMainConfig {
    var problems: [ConfigProblem] = []
    let dictionary = MainDictionary(parsing: copy.encoded, path: AcceptedMainConfig.path, problems: &problems)
    return LoadedMainConfig(
        dictionary: dictionary,
        host: hostFacts(directory: copy.directory, processName: processName),
        problems: problems,
        bytes: copy.bytes
    )
}
