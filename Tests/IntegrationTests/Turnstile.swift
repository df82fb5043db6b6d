//===----------------------------------------------------------------------===//
// Quartermaster: how a test sees that master's loop has turned
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// A service of every test system whose process writes down one word from its FIFO and leaves.
///
/// Only master listens on the FIFO, so each word needs a turn of master's loop that begins after the word was
/// written. When the word has been written down, all that master did in the turn before is done.
enum Turnstile {
    static let line = "turnstile fifo - - n - 1 turnstile"

    /// An end without a fault and without a report is nothing that master would tell, or throttle.
    static let program = """
        #!/bin/sh
        read -r word <&6 && echo "$word" >>turnstile
        exit 0

        """

    static func push(_ word: String, below queueDirectory: String) throws {
        let path = queueDirectory + "/private/turnstile"
        let fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard fifo >= 0 else { throw TestSupportError("open \(path): \(errnoText())") }
        defer { close(fifo) }
        let bytes = Array((word + "\n").utf8)
        guard write(fifo, bytes, bytes.count) == bytes.count else {
            throw TestSupportError("write \(path): \(errnoText())")
        }
    }

    static func hasPassed(_ word: String, below queueDirectory: String) -> Bool {
        let text = (try? String(contentsOfFile: queueDirectory + "/turnstile", encoding: .utf8)) ?? ""
        return completeLines(text).contains(word)
    }
}
