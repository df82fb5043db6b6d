//===----------------------------------------------------------------------===//
// Quartermaster: mail for a sandbox
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// A storm of messages from `smtp-source`, each to a recipient of its own.
package enum MailLoad {
    /// Starts sending; the process ends when the last message was accepted.
    package static func start(
        messages: Int,
        sessions: Int = 10,
        port: UInt16,
        to recipient: String = "to@example.com"
    ) throws -> RunningProcess {
        try RunningProcess([
            "/usr/sbin/smtp-source", "-N", "-m", String(messages), "-s", String(sessions),
            "-f", "from@sandbox.example", "-t", recipient, "127.0.0.1:\(port)",
        ])
    }

    /// The recipients that `start` makes up, sorted.
    package static func recipients(_ messages: Int, to recipient: String = "to@example.com") -> [String] {
        (1...messages).map { "\($0)\(recipient)" }.sorted()
    }
}

/// Mail without a pause: one storm after the other, for as long as the test has something to do meanwhile, so that
/// mail is under way at every moment however fast the machine is.
package final class MailStream: @unchecked Sendable {
    private static let batch = 50
    private let port: UInt16
    private let fewest: Int
    private let pause: Duration
    private let name: String
    private let domain: String
    private let lock = NSLock()
    private var isOver = false
    private var isEnded = false
    private var batches = 0
    private var failure: ProcessResult?

    /// - Parameters:
    ///   - fewest: messages that are sent in any case.
    ///   - pause: between one storm and the next.
    ///   - name: what the recipients of this stream are called, to tell them from others.
    package init(
        port: UInt16,
        atLeast fewest: Int,
        pause: Duration = .zero,
        to name: String = "batch",
        at domain: String = "example.com"
    ) {
        self.port = port
        self.fewest = fewest
        self.pause = pause
        self.name = name
        self.domain = domain
        Thread.detachNewThread { self.work() }
    }

    /// Lets the storm at hand end and returns the recipients of all messages that were sent; throws when one of them
    /// was not accepted.
    package func finish() throws -> [String] {
        lock.withLock { isOver = true }
        guard eventually(within: patience * 5, { lock.withLock { isEnded } }) else {
            throw TestSupportError("smtp-source does not come to an end")
        }
        let (batches, failure) = lock.withLock { (self.batches, self.failure) }
        if let failure { throw TestSupportError("not every message was accepted: \(failure)") }
        return (1...batches).flatMap { MailLoad.recipients(Self.batch, to: recipient($0)) }
    }

    private func work() {
        while lock.withLock({ failure == nil && (!isOver || batches * Self.batch < fewest) }) {
            let number = lock.withLock {
                batches += 1
                return batches
            }
            let result = send(number)
            if !result.succeeded { lock.withLock { failure = result } }
            rest(pause)
        }
        lock.withLock { isEnded = true }
    }

    private func send(_ number: Int) -> ProcessResult {
        do {
            let to = recipient(number)
            return try MailLoad.start(messages: Self.batch, sessions: 5, port: port, to: to).finish()
        } catch {
            return ProcessResult(status: -1, output: "\(error)", timedOut: false, elapsed: .zero)
        }
    }

    private func recipient(_ batch: Int) -> String { ".\(name)\(batch)@\(domain)" }
}

/// One message that its sender has begun and not ended: it stops in the middle of the text until it is told to go on.
package final class HalfMessage {
    private let caller: Caller

    /// Says the first half.
    package init(port: UInt16, to recipient: String) throws {
        caller = try Caller(.port(port))
        try expect("220 ")
        try say("HELO client.example", expecting: "250 ")
        try say("MAIL FROM:<from@sandbox.example>", expecting: "250 ")
        try say("RCPT TO:<\(recipient)>", expecting: "250 ")
        try say("DATA", expecting: "354 ")
        try send("Subject: in the middle\r\n\r\nThe first half.\r\n")
    }

    /// Says the second half; throws when the message is not accepted.
    package func finish() throws {
        try send("The second half.\r\n")
        try say(".", expecting: "250 ")
        try say("QUIT", expecting: "221 ")
    }

    private func say(_ line: String, expecting code: String) throws {
        try send(line + "\r\n")
        try expect(code)
    }

    private func send(_ text: String) throws {
        guard caller.send(text) else { throw TestSupportError("cannot send to smtpd: \(errnoText())") }
    }

    private func expect(_ code: String) throws {
        let line = caller.readLine()
        guard line?.hasPrefix(code) == true else { throw TestSupportError("smtpd: \(line ?? "no answer")") }
    }
}
