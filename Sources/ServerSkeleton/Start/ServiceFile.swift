//===----------------------------------------------------------------------===//
// Quartermaster: files that a service holds open
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// A file that a service opened and appends to. Closed when the last reference goes.
public final class ServiceFile {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Opens a file for appending, creating it if need be, and proves that no other user prepared it for us: one link,
    /// no directory, no symbolic link an ordinary user could have made. A device such as /dev/stdout is opened as it
    /// is. A pipe has some seconds to get a reader.
    ///
    /// - Parameter mode: permissions of a new file, whatever the umask says.
    public static func openForAppending(_ path: String, mode: UInt32) throws(ServiceError) -> ServiceFile {
        do throws(CarefulOpenError) {
            return ServiceFile(try openLogFile(path, mode: mode, waits: true, patience: 5000))
        } catch {
            throw ServiceError(reason: error.reason)
        }
    }
}

/// Why something that a service asked for did not work, in the words of the operating system.
public struct ServiceError: Error, Equatable, Sendable {
    private enum Cause: Equatable, Sendable {
        case text(String)
        case system(SystemError)
    }

    private let cause: Cause

    /// Made when it is asked for.
    public var reason: String {
        switch cause {
        case .text(let text): text
        case .system(let error): error.reason
        }
    }

    /// Whether descriptors, memory or watches are short, which passes.
    package var isShortage: Bool {
        if case .system(let error) = cause { return error.isWatchShortage }
        return false
    }

    init(reason: String) { cause = .text(reason) }

    init(_ error: SystemError) { cause = .system(error) }
}
