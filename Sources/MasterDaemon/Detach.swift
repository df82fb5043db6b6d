//===----------------------------------------------------------------------===//
// Quartermaster: standing on its own feet: standard descriptors, session
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// The steps that separate master from the process that started it.
enum Detach {
    /// Opens /dev/null where a standard descriptor is closed, so that nothing of ours ever gets such a number.
    static func fillStandardDescriptors() {
        while let null = try? openFile("/dev/null", .readWrite) {
            if null.number.rawValue > DescriptorNumber.standardError.rawValue { return }
            try? null.number.setCloseOnExec(false)
            _ = null.release()
        }
    }

    /// Puts /dev/null on the standard descriptors, except output where the log goes there.
    static func replaceStandardDescriptors(keepingOutput: Bool, _ log: Log) {
        for number in [DescriptorNumber.standardInput, .standardOutput, .standardError] {
            if keepingOutput && number == .standardOutput { continue }
            do throws(SystemError) {
                let null = try openFile("/dev/null", .readWrite)
                if null.number == number {
                    try number.setCloseOnExec(false)
                    _ = null.release()
                } else {
                    try null.number.copy(onto: number)
                }
            } catch {
                log.fatal("open /dev/null", error)
            }
        }
    }

    static func startSession(_ log: Log) {
        do throws(SystemError) {
            try SystemCalls.startSession()
        } catch {
            log.fatal("unable to set session and process group ID", error)
        }
    }
}
