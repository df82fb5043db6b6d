//===----------------------------------------------------------------------===//
// Quartermaster: files that a service holds open
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A file that a service opened and appends to. Closed when the last reference goes.
public final class ServiceFile {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    /// Opens a file for appending, creating it if need be, and proves that nobody prepared it for us: one link, no
    /// directory, no symbolic link an ordinary user could have made. A device such as /dev/stdout is opened as it is.
    ///
    /// - Parameter mode: permissions of a new file, whatever the umask says.
    public static func openForAppending(_ path: String, mode: UInt32) throws(ServiceError) -> ServiceFile {
        let mask = setFileCreationMask(0o777 & ~mode)
        defer { setFileCreationMask(mask) }
        do throws(CarefulOpenError) {
            return ServiceFile(try openCarefully(path, [.writeOnly, .append, .create], mode: mode))
        } catch {
            guard path.utf8.starts(with: "/dev/".utf8) else { throw ServiceError(reason: error.reason) }
        }
        do throws(SystemError) {
            return ServiceFile(try openFile(path, [.writeOnly, .append]))
        } catch {
            throw ServiceError(reason: error.reason)
        }
    }
}

/// Why something that a service asked for did not work, in the words of the operating system.
public struct ServiceError: Error, Equatable, Sendable {
    public let reason: String

    init(reason: String) { self.reason = reason }

    init(_ error: SystemError) { reason = error.reason }
}
