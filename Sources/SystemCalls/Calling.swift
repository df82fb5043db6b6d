//===----------------------------------------------------------------------===//
// Quartermaster: how every call is made: once, again after EINTR, or failing on purpose in a test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import CPosix
import Glibc

/// Makes one call by the rule of `CPosix`: a result >= 0 or -errno; interrupted calls are made again.
@inline(__always)
func calling<Value: SignedInteger>(
    _ name: SystemCall,
    _ body: () -> Value
) throws(SystemError) -> Value {
    #if DEBUG
    if let code = FaultPlan.next(name) { throw SystemError(name, code) }
    #endif
    while true {
        let result = body()
        if result >= 0 { return result }
        if result == Value(-EINTR) { continue }
        // No file, peer or configuration makes an address of ours wrong.
        precondition(result != Value(-EFAULT), "a system call was given a wrong address")
        throw SystemError(name, Errno(rawValue: CInt(-result)))
    }
}

/// The same for reads and writes, where "not now" is an answer.
@inline(__always)
func transferring(_ name: SystemCall, zeroIsEnd: Bool, _ body: () -> Int) throws(SystemError) -> Transfer {
    do throws(SystemError) {
        let count = try calling(name, body)
        return count == 0 && zeroIsEnd ? .endOfFile : .bytes(count)
    } catch {
        if error.code == .resourceTemporarilyUnavailable { return .wouldBlock }
        throw error
    }
}

/// Writes `count` bytes with `call`, or fewer, or none, where a test has a plan for who reads them.
@inline(__always)
func writing(_ number: CInt, _ count: Int, _ call: (Int) -> Int) -> Int {
    #if DEBUG
    return WritePlan.writing(DescriptorNumber(number), count, call)
    #else
    return call(count)
    #endif
}

/// strerror(3) of a positive error number.
package func errorText(_ code: CInt) -> String {
    unsafe withText(capacity: 128) { unsafe Int(cposix_error_text(code, $0, $1)) }
}

/// Text that a C function writes into a buffer, returning its length.
func withText(capacity: Int, _ body: (UnsafeMutablePointer<CChar>, Int) -> Int) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
        guard let base = buffer.baseAddress else { return "" }
        let length = unsafe body(base, capacity)
        return unsafe String(rawBytes: UnsafeRawBufferPointer(start: base, count: length))
    }
}
