//===----------------------------------------------------------------------===//
// Quartermaster: mail for a sandbox, and where it goes
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
        guard eventually(within: .seconds(5), { !FreePort.isFree(port) }) else {
            throw TestSupportError("smtp-sink does not listen: \(process.output)")
        }
    }

    /// How many messages have begun to arrive.
    package var count: Int { files.count }

    /// Every recipient of every message, sorted; a message delivered twice shows up twice.
    package var recipients: [String] {
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

/// A storm of messages from `smtp-source`, each to a recipient of its own.
package enum MailLoad {
    /// Starts sending; the process ends when the last message was accepted.
    package static func start(
        messages: Int,
        sessions: Int = 10,
        into sandbox: PostfixSandbox,
        to recipient: String = "to@example.com"
    ) throws -> RunningProcess {
        try RunningProcess([
            "/usr/sbin/smtp-source", "-N", "-m", String(messages), "-s", String(sessions),
            "-f", "from@sandbox.example", "-t", recipient, "127.0.0.1:\(sandbox.smtpPort)",
        ])
    }

    /// The recipients that `start` makes up, sorted.
    package static func recipients(_ messages: Int, to recipient: String = "to@example.com") -> [String] {
        (1...messages).map { "\($0)\(recipient)" }.sorted()
    }
}
