//===----------------------------------------------------------------------===//
// Quartermaster: what masterctl prints
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import SystemCalls

/// To standard output, to its last byte: half a text must not be taken for a whole one. A reader that has gone ends us
/// by SIGPIPE, anything else with a message and status 1.
func write(_ text: String) {
    let (output, bytes) = (DescriptorNumber.standardOutput, Array(text.utf8))
    var written = 0
    do throws(SystemError) {
        while written < bytes.count {
            switch try output.write(Array(bytes[written...])) {
            case .bytes(let count): written += count
            case .wouldBlock: _ = try output.waitForOutput(milliseconds: 1000)
            case .endOfFile: throw SystemError(.write, .noSpace)
            }
        }
    } catch {
        complain("cannot write to standard output: \(error.reason)")
        exit(1)
    }
}

func printLine(_ text: String) { write(text + "\n") }

func complain(_ text: String) { _ = try? DescriptorNumber.standardError.write(Array("masterctl: \(text)\n".utf8)) }

/// The time of day at this place, of milliseconds since 1970.
func localTime(_ milliseconds: Int64) -> String {
    Clock.format(milliseconds / 1000, as: "%Y-%m-%d %H:%M:%S")
}
