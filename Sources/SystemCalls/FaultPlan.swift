//===----------------------------------------------------------------------===//
// Quartermaster: a kernel that fails on purpose
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#if DEBUG

/// The fake kernel of the tests: the n-th call of a name fails with a given error. Debug builds only.
///
/// The plan is a plain global: tests set it in processes of their own, which have one thread that makes calls.
package enum FaultPlan {
    private struct Fault {
        let call: SystemCall
        let code: Errno
        var callsToLetPass: Int
        var failures: Int
    }

    nonisolated(unsafe) private static var faults: [Fault] = []

    /// Lets `passing` calls of this name through, then fails `times` of them.
    package static func fail(_ call: SystemCall, with code: Errno, afterPassing passing: Int = 0, times: Int = 1) {
        unsafe faults.append(Fault(call: call, code: code, callsToLetPass: passing, failures: times))
    }

    package static func clear() { unsafe faults.removeAll() }

    package static func next(_ call: SystemCall) -> Errno? {
        if unsafe faults.isEmpty { return nil }
        for index in unsafe faults.indices where unsafe faults[index].call == call {
            if unsafe faults[index].callsToLetPass > 0 {
                unsafe faults[index].callsToLetPass -= 1
            } else if unsafe faults[index].failures > 0 {
                unsafe faults[index].failures -= 1
                return unsafe faults[index].code
            }
        }
        return nil
    }
}
#endif
