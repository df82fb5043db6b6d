//===----------------------------------------------------------------------===//
// Quartermaster: where the mail of a sandbox goes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// The `smtp-sink` at the far end of a sandbox; keeps every message in a file, so that each can be accounted for.
package final class SmtpSink {
    private let process: RunningProcess
    private let directory: String

    package init(for sandbox: PostfixSandbox) throws {
        directory = sandbox.sinkDirectory
        let argv = [
            sandbox.directory + "/tools/smtp-sink", "-u", "postfix", "-d", "m.", "127.0.0.1:\(sandbox.sinkPort)", "500",
        ]
        process = try RunningProcess(argv, directory: directory)
        let port = sandbox.sinkPort
        guard eventually({ !FreePort.isFree(port) || !process.isRunning }), process.isRunning else {
            throw TestSupportError("smtp-sink does not listen: \(process.output)")
        }
    }

    /// How many messages have begun to arrive.
    package var count: Int { files.count }

    /// Every recipient of every message, sorted, once there are as many as expected; a message delivered twice shows up
    /// twice. The sink may write the end of a file after it has answered for the message.
    package func recipients(expecting count: Int) -> [String] {
        var found: [String] = []
        _ = eventually {
            found = recipients
            return found.count >= count
        }
        return found
    }

    private var recipients: [String] {
        files.flatMap { file in
            (readText(directory + "/" + file) ?? "").split(separator: "\n")
                .filter { $0.hasPrefix("X-Rcpt-Args:") }
                .compactMap { $0.split(separator: "<").last?.split(separator: ">").first.map(String.init) }
        }.sorted()
    }

    package func end() { process.end() }

    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasPrefix("m.") }
    }
}
