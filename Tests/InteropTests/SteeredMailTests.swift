//===----------------------------------------------------------------------===//
// Quartermaster: a whole Postfix that is reloaded, drained and upgraded while it carries mail
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Mail through smtpd to the network, and through postscreen and smtpd to mailboxes of this machine; while all that
    /// an administrator can ask for happens by turns.
    @Suite("Mail under steering") struct SteeredMail {
        private static let upgrades = 20

        @Test("twenty upgrades, and reloads, drains and retirements by turns: every message arrives exactly once")
        func steered() throws {
            let scene = try Scene()
            defer { scene.sandbox.destroy() }
            let sink = try SmtpSink(for: scene.sandbox)
            defer { sink.end() }
            try scene.sandbox.start()
            let master = try #require(scene.sandbox.recordedPID)
            let relayed = MailStream(
                port: scene.sandbox.smtpPort,
                atLeast: 200,
                pause: .milliseconds(200),
                to: "relayed"
            )
            let kept = MailStream(
                port: scene.screenPort,
                atLeast: 200,
                pause: .milliseconds(200),
                to: "kept",
                at: "virtual.example"
            )
            var submitted: [String] = []
            do {
                for round in 1...Self.upgrades {
                    try scene.awaitMail(10, sink)
                    submitted.append(try scene.submit(round))
                    try scene.steer(round)
                }
                try scene.awaitMail(10, sink)
            } catch {
                // Nothing is sent to a sandbox that is going away.
                _ = try? (relayed.finish(), kept.finish())
                throw error
            }
            let expected = (try relayed.finish() + submitted).sorted()
            let delivered = try kept.finish().sorted()
            let count = expected.count + delivered.count
            #expect(scene.sandbox.wait(for: "status=sent", count: count, within: patience * 5), "\(scene.log)")
            // A message whose delivery outlived its queue manager is looked at by the next one after five minutes only:
            // Postfix's own way. Its recipient is done, which the counts below show.
            try scene.sandbox.tool(["/usr/sbin/postqueue", "-f"])
            var queue = ""
            let isEmpty = try eventually {
                queue = try scene.sandbox.tool(["/usr/sbin/postqueue", "-p"]).output
                return queue.contains("Mail queue is empty")
            }
            #expect(isEmpty, "mail is left: \(queue)\(scene.filesLeft)")
            #expect(sink.recipients(expecting: expected.count) == expected, "each message once")
            #expect(scene.delivered(expecting: delivered.count) == delivered, "each message once")
            #expect(scene.sandbox.occurrences(of: "status=sent") == count)
            #expect(scene.sandbox.occurrences(of: " goes on where ") == Self.upgrades)
            #expect(scene.sandbox.recordedPID == master && scene.sandbox.isRunning)
            #expect(scene.alarms == [])
            try scene.sandbox.stop()
            #expect(eventually { scene.sandbox.processes.isEmpty }, "\(scene.sandbox.processes)")
        }
    }
}

private final class Scene {
    let sandbox: PostfixSandbox
    let screenPort: UInt16
    private var mailbox: String { sandbox.directory + "/mail" }

    init() throws {
        sandbox = try MasterUnderTest.quartermaster.sandbox()
        screenPort = try FreePort.next()
        try sandbox.addService("127.0.0.1:\(screenPort) inet n - n - 1 postscreen")
        try sandbox.addService("smtpd pass - - n - - smtpd")
        try FileManager.default.createDirectory(atPath: mailbox, withIntermediateDirectories: false)
        try run(["/bin/chown", "nobody", mailbox])
        try sandbox.setMain([
            "virtual_mailbox_domains": "virtual.example", "virtual_mailbox_base": mailbox,
            "virtual_mailbox_maps": "static:all/", "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
        ])
        try sandbox.install(BuiltProducts.path("master"), as: "master.other")
    }

    var log: String { sandbox.logTail() }

    /// Waits until so many more messages have arrived, both here and there.
    func awaitMail(_ more: Int, _ sink: SmtpSink) throws {
        let before = (sink.count, mailFiles.count)
        let isFlowing = eventually { sink.count >= before.0 + more && mailFiles.count >= before.1 + more }
        guard isFlowing else { throw TestSupportError("mail does not flow:\n\(log)") }
    }

    /// A message from a program of this machine, through pickup.
    func submit(_ number: Int) throws -> String {
        let recipient = "submitted\(number)@example.com"
        let result = try sandbox.tool(["/usr/sbin/sendmail", "-f", "from@sandbox.example", recipient])
        guard result.succeeded else { throw TestSupportError("sendmail: \(result)") }
        return recipient
    }

    /// One upgrade, before, during or after something else.
    func steer(_ round: Int) throws {
        switch round % 5 {
        case 0:
            try upgrade(round)
            try sandbox.reload()
        case 1:
            try masterctl("reload")
            try upgrade(round)
        case 2:
            let service = "127.0.0.1:\(sandbox.smtpPort)"
            let drain = try beginMasterctl("drain", service)
            try upgrade(round)
            try conclude(drain, "drain")
            try masterctl("resume", service)
        case 3:
            try masterctl("drain")
            try upgrade(round)
            try masterctl("resume")
        default:
            let retirement = try beginMasterctl("retire", "127.0.0.1:\(sandbox.smtpPort)")
            try upgrade(round)
            try conclude(retirement, "retire")
        }
    }

    /// To another file each time, so that a program that was not executed is noticed.
    private func upgrade(_ round: Int) throws {
        let program = sandbox.daemonDirectory + (round % 2 == 0 ? "/master" : "/master.other")
        try masterctl("upgrade", program)
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(sandbox.recordedPID ?? 0)/exe")
        guard path == program else { throw TestSupportError("\(path) runs") }
    }

    private func masterctl(_ words: String...) throws {
        let result = try run(command(words), timeout: patience * 2)
        guard result.succeeded else { throw TestSupportError("masterctl \(words): \(result)\n\(log)") }
    }

    private func beginMasterctl(_ words: String...) throws -> RunningProcess { try RunningProcess(command(words)) }

    private func conclude(_ process: RunningProcess, _ what: String) throws {
        let result = process.finish(timeout: patience * 2)
        guard result.succeeded else { throw TestSupportError("masterctl \(what): \(result)\n\(log)") }
    }

    private func command(_ words: [String]) -> [String] {
        [BuiltProducts.path("masterctl")] + words.prefix(1) + ["-c", sandbox.configDirectory] + words.dropFirst()
    }

    private var mailFiles: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: mailbox + "/all/new")) ?? []
    }

    /// The recipients of the messages in the mailbox, sorted, once there are so many.
    func delivered(expecting count: Int) -> [String] {
        var found: [String] = []
        _ = eventually {
            found = mailFiles.compactMap { file in
                ((try? String(contentsOfFile: mailbox + "/all/new/" + file, encoding: .utf8)) ?? "").split(
                    separator: "\n"
                )
                .first { $0.hasPrefix("X-Original-To: ") }
                .map { String($0.dropFirst("X-Original-To: ".count)) }
            }
            return found.count >= count
        }
        return found.sorted()
    }

    /// What the queue has, for the comment of a failed expectation.
    var filesLeft: String {
        (try? run(["/usr/bin/find", sandbox.queueDirectory, "-type", "f", "-ls"]).output) ?? ""
    }

    /// Lines that speak of trouble, of whatever program.
    var alarms: [String] {
        let words = [
            "]: warning: ", "]: error: ", "]: fatal: ", "]: panic: ", "status=deferred", "status=bounced", "throttling",
            "cut off",
        ]
        // What Postfix says of itself on a busy machine: the kernel gives files the time of its last tick, which may
        // be of the second before, and a reload looks through the queue while cleanup has not named a file for good.
        // And a client that the kernel turned away, with the cure, when others fill the machine: it comes again.
        let harmless = [
            "file system clock is", "resetting file time stamps", "]: warning: bogus file name: incoming/",
            "1 attempt to connect was dropped", "]: warning: to avoid this condition, increase the process count",
        ]
        return sandbox.logLines.filter { line in
            words.contains { line.contains($0) } && !line.hasSuffix(Self.askedAgain)
                && !harmless.contains { line.contains($0) }
        }
    }

    /// Postfix's own, and without consequences: at a reload trivial-rewrite leaves, and a process that has just sent it
    /// a question asks its successor.
    private static let askedAgain = "warning: problem talking to service rewrite: Connection reset by peer"
}
