//===----------------------------------------------------------------------===//
// Quartermaster: opening a file that others might have prepared for us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Why a careful open refused: a system call, or what was found.
package enum CarefulOpenError: Error, Equatable, Sendable {
    case cannot(doing: String, SystemError)
    case refused(String)

    /// The reason as it stands behind "open lock file <path>: ".
    package var reason: String {
        switch self {
        case .cannot(let doing, let error): "\(doing): \(error.reason)"
        case .refused(let text): text
        }
    }
}

/// Opens an existing file, or creates it exclusively, and proves that the path still names what was opened: link
/// count 1, no directory, and an lstat(2) that agrees with the fstat(2) in device, inode, links and mode. A symbolic
/// link counts only when root owns it and its directory, and no other user may write there (`safe_open` in Postfix).
package func openCarefully(
    _ path: String,
    _ flags: OpenFlags,
    mode: UInt32
) throws(CarefulOpenError) -> Descriptor {
    // Losing the race for creation means that another process created it: look again, a bounded number of times.
    for _ in 0..<3 {
        if let file = try openExisting(path, flags.subtracting([.create, .exclusive])) { return file }
        if !flags.contains(.create) { break }
        do throws(SystemError) {
            return try openFile(path, flags.union([.create, .exclusive]), mode: mode)
        } catch {
            if error.code != .fileExists { throw .cannot(doing: "cannot create file exclusively", error) }
        }
    }
    throw .cannot(doing: "cannot open file", SystemError(.open, .noSuchFileOrDirectory))
}

/// The file, checked; nil when there is none.
private func openExisting(_ path: String, _ flags: OpenFlags) throws(CarefulOpenError) -> Descriptor? {
    let file: Descriptor
    do throws(SystemError) {
        file = try openFile(path, flags)
    } catch {
        if error.code == .noSuchFileOrDirectory { return nil }
        throw .cannot(doing: "cannot open file", error)
    }
    try checkOpened(file.number, path)
    return file
}

private func checkOpened(_ file: DescriptorNumber, _ path: String) throws(CarefulOpenError) {
    let opened: FileFacts
    let named: FileFacts
    do throws(SystemError) {
        opened = try file.facts()
        named = try facts(ofPath: path, followingLinks: false)
    } catch {
        throw .cannot(doing: "cannot examine file", error)
    }
    if opened.kind == .directory { throw .refused("file is a directory") }
    if opened.links != 1 { throw .refused("file has \(opened.links) hard links") }
    if named.kind == .symbolicLink { return try checkLink(named, path) }
    if named.device != opened.device || named.inode != opened.inode || named.links != opened.links
        || named.mode != opened.mode
    {
        throw .refused("file status changed unexpectedly")
    }
}

private func checkLink(_ link: FileFacts, _ path: String) throws(CarefulOpenError) {
    let directory = parentDirectory(of: path)
    guard let parent = try? facts(ofPath: directory), link.owner == 0, parent.owner == 0, !parent.isWritableByOthers
    else { throw .refused("file is a symbolic link that an ordinary user could have made") }
}

/// The directory part of a path; "." when it has none.
package func parentDirectory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
}
