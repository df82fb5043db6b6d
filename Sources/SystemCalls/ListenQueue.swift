//===----------------------------------------------------------------------===//
// Quartermaster: how many clients wait at a listening socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix

extension DescriptorNumber {
    /// Connections that wait for accept(2) at a listening TCP socket: TCP_INFO of tcp(7). EINVAL when it is none.
    package func tcpQueueLength() throws(SystemError) -> Int {
        let number = rawValue
        return Int(try calling(.getsockopt) { cposix_tcp_queue(number) })
    }

    /// Connections that wait for accept(2) at a listening UNIX-domain socket: sock_diag(7). ENOENT, EPROTONOSUPPORT,
    /// EPERM and others where the kernel does not tell.
    package func unixQueueLength() throws(SystemError) -> Int {
        let number = rawValue
        return Int(try calling(.sockDiag) { cposix_unix_queue(number) })
    }
}
