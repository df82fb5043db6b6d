//===----------------------------------------------------------------------===//
// Quartermaster: the pipe of tokens that slows producers down
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterProtocol
import SystemCalls

/// One byte in the pipe is the right to take one client at once.
enum TokenPipe {
    /// Whether there was a token.
    static func get(_ log: Log) -> Bool {
        do throws(SystemError) {
            _ = try DescriptorNumber(InheritedDescriptor.flowWrite).facts()
        } catch {
            log.fatal("fstat flow pipe write descriptor", error)
        }
        guard let bytes = try? DescriptorNumber(InheritedDescriptor.flowRead).read(atMost: 1) else { return false }
        return !bytes.isEmpty
    }
}
