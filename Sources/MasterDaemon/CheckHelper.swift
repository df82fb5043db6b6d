//===----------------------------------------------------------------------===//
// Quartermaster: a process that looks for mistakes in the configuration, so that master need not
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterConfig
import MasterControl
import SystemCalls

/// What `--check` does, in a process of its own: it may take as long as the files and names take. Its lines are those
/// of the answer.
final class CheckHelper {
    /// Who asked.
    let client: SlotID
    private let helper: HelperProcess
    var watch: WatchID?
    var timer: WatchID?
    /// The beginning of a line.
    private var rest: [UInt8] = []

    /// A line of ours is far shorter; what is longer is none.
    private static let longestLine = 64 * 1024

    static func start(
        for client: SlotID,
        configDirectory: String,
        processName: String,
        born: (Int32) -> Void
    ) throws(SystemError) -> CheckHelper {
        let helper = try HelperProcess.start(born: born) { check(configDirectory, processName, on: $0) }
        return CheckHelper(for: client, helper)
    }

    private init(for client: SlotID, _ helper: consuming HelperProcess) {
        self.client = client
        self.helper = helper
    }

    /// Readable when there is something to `read`.
    var number: DescriptorNumber { helper.number }

    enum Progress {
        case lines([ControlReply])
        /// Nothing more will come, and no result has.
        case ended
    }

    /// Reads what the helper has said so far, up to a limit.
    func read() -> Progress {
        let block: [UInt8]?
        do throws(SystemError) {
            block = try number.read(atMost: 16 * 1024)
        } catch {
            return .ended
        }
        guard let block else { return .lines([]) }
        if block.isEmpty { return .ended }
        rest += block
        var replies: [ControlReply] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            guard let reply = ControlReply(json: String(decoding: rest[..<end], as: UTF8.self)) else { return .ended }
            replies.append(reply)
            rest.removeSubrange(...end)
        }
        return rest.count > Self.longestLine ? .ended : .lines(replies)
    }

    /// Ends a helper whose findings are no longer wanted; master reaps it like any other child.
    func end(_ loop: inout EventLoop) {
        helper.end()
        for watch in [watch, timer] { if let watch { loop.remove(watch) } }
        watch = nil
        timer = nil
    }

    /// The helper's whole life.
    private static func check(_ directory: String, _ processName: String, on pipe: DescriptorNumber) -> Never {
        let problems = ConfigurationCheck.findings(configDirectory: directory, processName: processName)
        let verdict = ConfigurationCheck.verdict(problems, configDirectory: directory)
        let result = ControlReply.result(problems.hasFatal ? .refused : .ok, verdict)
        for reply in problems.map({ .problem(ControlReply.Problem($0)) }) + [result] {
            HelperProcess.write(reply.json, to: pipe)
        }
        exitAtOnce(ExitCode.success)
    }
}

extension Master {
    /// How long a check may take: names are looked up one after the other.
    private static var checkSeconds: Int64 { 120 }

    func beginCheck(for slot: SlotID) {
        do throws(SystemError) {
            let helper = try CheckHelper.start(
                for: slot,
                configDirectory: settings.configDirectory,
                processName: processName,
                born: { helpers.insert($0) }
            )
            do throws(SystemError) {
                helper.watch = try loop.watch(helper.number, for: .readable, token: MasterEvent.checkSpoke.token(slot))
            } catch {
                helper.end(&loop)
                throw error
            }
            let timer = loop.makeTimer(token: MasterEvent.checkDeadline.token(slot))
            loop.arm(timer, milliseconds: Self.checkSeconds * 1000)
            helper.timer = timer
            desk.checks.append(helper)
        } catch {
            answer(slot, .failed, "no process can be started that checks: \(error.description)")
        }
    }

    func checkSpoke(_ slot: SlotID) {
        guard let helper = desk.checks.first(where: { $0.client == slot }) else { return }
        switch helper.read() {
        case .lines(let replies):
            for reply in replies {
                if case .result(let status, let text) = reply {
                    endCheck(for: slot)
                    return answer(slot, status, text)
                }
                say(reply, to: slot)
            }
        case .ended:
            endCheck(for: slot)
            answer(slot, .failed, "the process that checks has ended early")
        }
    }

    func checkExpired(_ slot: SlotID) {
        guard desk.checks.contains(where: { $0.client == slot }) else { return }
        endCheck(for: slot)
        answer(
            slot,
            .failed,
            "the check took longer than \(Self.checkSeconds) seconds: look for a name server that does"
                + " not answer"
        )
    }

    func endCheck(for slot: SlotID) {
        guard let index = desk.checks.firstIndex(where: { $0.client == slot }) else { return }
        desk.checks.remove(at: index).end(&loop)
    }
}
