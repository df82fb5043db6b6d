//===----------------------------------------------------------------------===//
// Quartermaster: the lock files that keep two masters apart
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// The locks that keep a second master out; held as long as the process lives.
struct MasterLocks: ~Copyable {
    let pid: PidLock
    let data: PidLock

    /// For the next program in this process.
    var numbers: [DescriptorNumber] { [pid.number, data.number] }
}

/// Acquires and fills a lock file: an exclusive flock(2), the pid right-justified in 32 columns, as scripts read it.
/// The file is neither truncated first nor ever removed, so that no reader finds it empty.
struct PidLock: ~Copyable {
    private let file: Descriptor

    /// Why a lock cannot be had; `text` is the whole message behind "fatal: ".
    struct Failure: Error { let text: String }

    /// - Parameter file: locked by this process, maybe when it ran another program.
    init(file: consuming Descriptor) { self.file = file }

    var number: DescriptorNumber { file.number }

    static func acquire(_ path: String) throws(Failure) -> PidLock {
        let file = try locked(path)
        let moved: Descriptor
        do throws(SystemError) {
            moved = try file.moved(atLeast: ChildImage.lowestSource)
        } catch {
            throw Failure(text: "open lock file \(path): \(error.reason)")
        }
        let lock = PidLock(file: moved)
        try lock.writePid(path)
        return lock
    }

    /// `-t`: whether a process holds the lock, or it cannot even be tried.
    static func isHeld(_ path: String) -> Bool {
        if (try? facts(ofPath: path)) == nil { return false }
        do throws(Failure) {
            _ = try locked(path)
            return false
        } catch {
            return true
        }
    }

    private static func locked(_ path: String) throws(Failure) -> Descriptor {
        let file: Descriptor
        do throws(CarefulOpenError) {
            file = try openCarefully(path, [.readWrite, .create], mode: 0o644)
        } catch {
            throw Failure(text: "open lock file \(path): \(error.reason)")
        }
        do throws(SystemError) {
            if try file.number.tryExclusiveLock() { return file }
        } catch {
            throw Failure(text: "open lock file \(path): unable to set exclusive lock: \(error.reason)")
        }
        throw Failure(
            text: "open lock file \(path): unable to set exclusive lock: Resource temporarily unavailable"
                + cure(file.number)
        )
    }

    /// Who has written itself into the file.
    private static func cure(_ file: DescriptorNumber) -> String {
        let bytes = (try? file.read(atMost: 64)).flatMap { $0 } ?? []
        let words = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first?.split(separator: " ")
        guard let pid = words?.first.flatMap({ Int32($0) }) else { return "" }
        return " (The master with pid \(pid) has it: kill -HUP \(pid) makes it reload, kill \(pid) ends it.)"
    }

    private func writePid(_ path: String) throws(Failure) {
        let digits = String(processID())
        let line = String(repeating: " ", count: 32 - digits.utf8.count) + digits + "\n"
        do throws(SystemError) {
            try file.number.seek(to: 0)
            if try file.number.write(Array(line.utf8)) == .bytes(line.utf8.count) { return }
        } catch {
            throw Failure(text: "cannot update lock file \(path): \(error.reason)")
        }
        throw Failure(text: "cannot update lock file \(path): short write")
    }
}
