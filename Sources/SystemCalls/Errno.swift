//===----------------------------------------------------------------------===//
// Quartermaster: error numbers by name
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc

/// An error number of errno(3). Those have a name that something here asks for; the others are a number.
package struct Errno: RawRepresentable, Hashable, Sendable {
    package let rawValue: CInt

    package init(rawValue: CInt) { self.rawValue = rawValue }
}

extension Errno {
    package static var notPermitted: Errno { Errno(rawValue: EPERM) }
    package static var noSuchFileOrDirectory: Errno { Errno(rawValue: ENOENT) }
    package static var noSuchProcess: Errno { Errno(rawValue: ESRCH) }
    package static var interrupted: Errno { Errno(rawValue: EINTR) }
    package static var ioError: Errno { Errno(rawValue: EIO) }
    package static var noSuchAddressOrDevice: Errno { Errno(rawValue: ENXIO) }
    package static var noMemory: Errno { Errno(rawValue: ENOMEM) }
    package static var fileNameTooLong: Errno { Errno(rawValue: ENAMETOOLONG) }
    package static var permissionDenied: Errno { Errno(rawValue: EACCES) }
    package static var fileExists: Errno { Errno(rawValue: EEXIST) }
    package static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
    package static var tooManyOpenFilesInSystem: Errno { Errno(rawValue: ENFILE) }
    package static var tooManyOpenFiles: Errno { Errno(rawValue: EMFILE) }
    package static var tooManySymbolicLinks: Errno { Errno(rawValue: ELOOP) }
    package static var noSpace: Errno { Errno(rawValue: ENOSPC) }
    package static var resultTooLarge: Errno { Errno(rawValue: ERANGE) }
    package static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    package static var resourceTemporarilyUnavailable: Errno { Errno(rawValue: EAGAIN) }
    package static var nowInProgress: Errno { Errno(rawValue: EINPROGRESS) }
    package static var notSocket: Errno { Errno(rawValue: ENOTSOCK) }
    package static var protocolWrongTypeForSocket: Errno { Errno(rawValue: EPROTOTYPE) }
    package static var protocolNotSupported: Errno { Errno(rawValue: EPROTONOSUPPORT) }
    package static var addressFamilyNotSupported: Errno { Errno(rawValue: EAFNOSUPPORT) }
    package static var addressInUse: Errno { Errno(rawValue: EADDRINUSE) }
    package static var addressNotAvailable: Errno { Errno(rawValue: EADDRNOTAVAIL) }
    package static var networkDown: Errno { Errno(rawValue: ENETDOWN) }
    package static var networkUnreachable: Errno { Errno(rawValue: ENETUNREACH) }
    package static var connectionAbort: Errno { Errno(rawValue: ECONNABORTED) }
    package static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    package static var noBufferSpace: Errno { Errno(rawValue: ENOBUFS) }
    package static var socketNotConnected: Errno { Errno(rawValue: ENOTCONN) }
    package static var timedOut: Errno { Errno(rawValue: ETIMEDOUT) }
    package static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    package static var hostIsDown: Errno { Errno(rawValue: EHOSTDOWN) }
    package static var noRouteToHost: Errno { Errno(rawValue: EHOSTUNREACH) }
    package static var badMessage: Errno { Errno(rawValue: EBADMSG) }
    package static var messageTooLong: Errno { Errno(rawValue: EMSGSIZE) }
    package static var protocolError: Errno { Errno(rawValue: EPROTO) }
}

extension Errno: CustomStringConvertible {
    /// strerror(3), as `%m` prints it.
    package var description: String { errorText(rawValue) }
}
