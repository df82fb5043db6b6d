//===----------------------------------------------------------------------===//
// Quartermaster: writing to people, programs and files
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadGeneration
import LoadReports
import SystemCalls

/// A line for the administrator.
func complain(_ text: String) { _ = print("bench-accept: \(text)\n", to: .standardError) }

/// - Returns: whether it was taken; why standard output has not, is said on the other one.
func print(_ text: String, to output: DescriptorNumber) -> Bool {
    do throws(SystemError) {
        try writeAll(text, to: output)
        return true
    } catch {
        if output == .standardOutput { complain("cannot write to standard output: \(error.reason)") }
        return false
    }
}

func writeAll(_ text: String, to output: DescriptorNumber) throws(SystemError) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
        switch try output.write(bytes, at: written, count: bytes.count - written) {
        case .bytes(let count): written += count
        case .wouldBlock: _ = try output.waitForOutput(milliseconds: 1000)
        case .endOfFile: return
        }
    }
}

extension MachineFacts {
    /// This machine.
    static var here: MachineFacts {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? "unknown"
        return MachineFacts(
            kernel: "Linux " + kernel.trimmingCharacters(in: .whitespacesAndNewlines),
            processor: model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
            processors: ProcessInfo.processInfo.activeProcessorCount
        )
    }
}
