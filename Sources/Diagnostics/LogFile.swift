//===----------------------------------------------------------------------===//
// Quartermaster: the file that the log is appended to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Opens a log file for appending, creating it if need be, and proves that no user prepared it: one link, no
/// directory, no symbolic link that an ordinary user could have made. What is named below /dev, such as /dev/stdout, is
/// opened as it is, provided that root alone can put something there.
///
/// - Parameters:
///   - mode: permissions of a new file, whatever the umask says.
///   - waits: whether a pipe that is full may hold us up later on.
///   - patience: milliseconds for a pipe to get a reader. It may never get one, and may be gone meanwhile: whoever is
///     told tries again.
package func openLogFile(
    _ path: String,
    mode: UInt32,
    waits: Bool,
    patience: UInt32 = 0
) throws(CarefulOpenError) -> Descriptor {
    let deadline = Clock.monotonicNanoseconds() + Int64(patience) * 1_000_000
    while true {
        do throws(CarefulOpenError) {
            let file = try openWithoutWaiting(path, mode)
            if waits { try waitWhenFull(file.number) }
            return file
        } catch {
            guard case .cannot(_, let problem) = error, problem.code == .noSuchAddressOrDevice,
                Clock.monotonicNanoseconds() < deadline
            else { throw error }
            // A socket stays one. Anything else may be what it was not a moment ago.
            if (try? facts(ofPath: path))?.kind == .socket { throw error }
            pause(milliseconds: 20)
        }
    }
}

private func openWithoutWaiting(_ path: String, _ mode: UInt32) throws(CarefulOpenError) -> Descriptor {
    let flags: OpenFlags = [.writeOnly, .append, .nonBlocking]
    do throws(CarefulOpenError) {
        return try openOrCreate(path, flags, mode)
    } catch {
        guard isBelowDev(path) else { throw error }
    }
    do throws(SystemError) {
        return try openFile(path, flags)
    } catch {
        throw .cannot(doing: "cannot open file", error)
    }
}

private func waitWhenFull(_ file: DescriptorNumber) throws(CarefulOpenError) {
    do throws(SystemError) {
        try file.setNonBlocking(false)
    } catch {
        throw .cannot(doing: "cannot use file", error)
    }
}

/// A new file gets the mode itself: the umask belongs to the whole process, and other threads may be creating files.
private func openOrCreate(_ path: String, _ flags: OpenFlags, _ mode: UInt32) throws(CarefulOpenError) -> Descriptor {
    do throws(CarefulOpenError) {
        return try openCarefully(path, flags, mode: mode)
    } catch {
        guard case .cannot(_, let problem) = error, problem.code == .noSuchFileOrDirectory else { throw error }
    }
    let file = try openCarefully(path, flags.union(.create), mode: mode)
    do throws(SystemError) {
        try file.number.changeMode(mode)
    } catch {
        throw .cannot(doing: "cannot change permissions", error)
    }
    return file
}

private func isBelowDev(_ path: String) -> Bool {
    guard path.utf8.starts(with: "/dev/".utf8), let parent = try? facts(ofPath: parentDirectory(of: path)) else {
        return false
    }
    return parent.owner == 0 && !parent.isWritableByOthers
}

extension LogFile {
    /// What helps where the path alone does not tell: standard output can be used only by the user whose it is.
    package static func cure(for path: String, _ refusal: CarefulOpenError) -> String? {
        guard path == "/dev/stdout" || path == "/dev/stderr", case .cannot(_, let error) = refusal,
            error.code == .permissionDenied
        else { return nil }
        return
            "\(path) belongs to the user who has opened the terminal, file or pipe, and su or sudo does not change that:"
            + " name a file below maillog_file_prefixes, or begin the command with a pipe of that user, as in"
            + " su user -c 'master -d | cat'."
    }
}

/// A log file that is opened for each line, so that a rotated one is left alone and a new one found.
package struct LogFile {
    let path: String
    /// Of a file that has to be created.
    var permissions: UInt32

    private enum Place: ~Copyable {
        case file(Descriptor)
        /// Standard output is a socket: it cannot be opened by a path, only used.
        case standardOutput
        /// A pipe without a reader.
        case nowhere
    }

    /// Never waits: a pipe without a reader loses the line instead of stopping the process. Throws when there is no
    /// file that the line could go to.
    func append(_ line: String) throws(CarefulOpenError) {
        switch try open() {
        case .file(let file): Self.append(line, to: file.number)
        case .standardOutput:
            _ = try? DescriptorNumber.standardOutput.send(Array(line.utf8) + [UInt8(ascii: "\n")])
        case .nowhere: break
        }
    }

    /// Why lines cannot be appended; nil when they can.
    func problem() -> String? {
        do throws(CarefulOpenError) {
            _ = try open()
            return nil
        } catch {
            return error.reason
        }
    }

    private func open() throws(CarefulOpenError) -> Place {
        do throws(CarefulOpenError) {
            return .file(try openLogFile(path, mode: permissions, waits: false))
        } catch {
            // ENXIO: a pipe without a reader, or a socket.
            guard case .cannot(_, let failure) = error, failure.code == .noSuchAddressOrDevice else { throw error }
            return path == "/dev/stdout" ? .standardOutput : .nowhere
        }
    }

    static func append(_ line: String, to file: DescriptorNumber) {
        _ = try? file.write(Array(line.utf8) + [UInt8(ascii: "\n")])
    }
}
