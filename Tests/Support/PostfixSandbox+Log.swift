//===----------------------------------------------------------------------===//
// Quartermaster: reading a sandbox's log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

extension PostfixSandbox {
    /// The whole current log file.
    package var log: String { readText(logFile) ?? "" }

    /// The lines that are complete: the last one may just be on its way into the file.
    package var logLines: [String] { completeLines(log) }

    /// The end of the log, for the comment of a failed expectation.
    package func logTail(_ count: Int = 40) -> String { logLines.suffix(count).joined(separator: "\n") }

    /// Lines that contain the text.
    package func occurrences(of text: String) -> Int { lineCount(of: text, inFile: logFile) }

    /// Waits until the log has a line with the text, `count` times.
    package func wait(for text: String, count: Int = 1, within limit: Duration = patience) -> Bool {
        eventually(within: limit) { occurrences(of: text) >= count }
    }

    /// Lines no healthy run has: something died, gave up, or had to be throttled.
    package var alarms: [String] {
        let words = ["fatal:", "panic:", "throttling", "error:", "warning: process ", "status=deferred", "watchdog"]
        return logLines.filter { line in words.contains { line.contains($0) } }
    }
}
