//===----------------------------------------------------------------------===//
// Quartermaster: reading a sandbox's log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

extension PostfixSandbox {
    /// The whole current log file.
    package var log: String { readText(logFile) ?? "" }

    package var logLines: [String] { log.split(separator: "\n").map(String.init) }

    /// The end of the log, for the comment of a failed expectation.
    package func logTail(_ count: Int = 40) -> String { logLines.suffix(count).joined(separator: "\n") }

    package func occurrences(of text: String) -> Int { logLines.count { $0.contains(text) } }

    /// Waits until the log has a line with the text, `count` times.
    package func wait(for text: String, count: Int = 1, timeout: Duration = .seconds(15)) -> Bool {
        eventually(within: timeout) { occurrences(of: text) >= count }
    }

    /// Lines no healthy run has: something died, gave up, or had to be throttled.
    package var alarms: [String] {
        let words = ["fatal:", "panic:", "throttling", "error:", "warning: process ", "status=deferred", "watchdog"]
        return logLines.filter { line in words.contains { line.contains($0) } }
    }
}
