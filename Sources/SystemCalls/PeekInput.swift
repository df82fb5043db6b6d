//===----------------------------------------------------------------------===//
// Quartermaster: looking at input without taking it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

extension DescriptorNumber {
    /// recv(2) with MSG_PEEK and MSG_DONTWAIT: what is there stays there.
    package func peek(into buffer: inout MutableRawSpan) throws(SystemError) -> Transfer {
        let number = rawValue
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)
        return try transferring(.recv, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_receive(number, bytes.baseAddress!, bytes.count, flags))
            }
        }
    }
}
