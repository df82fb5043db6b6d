//===----------------------------------------------------------------------===//
// Quartermaster: an upgrade under way
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Events
import FixedMemory
import MasterPolicy
import SystemCalls

/// The trial of the program that shall take over, from its start to the verdict. The loop goes on meanwhile.
///
///     asked --> trial runs --> ended and said that it is possible? --yes--> execve
///                   |                     | no
///                   +-- too slow: killed -+--> refused
final class UpgradeAttempt {
    /// How long a trial may take. It reads two files, of which one may be in somebody's editor for ten seconds, and
    /// asks for names.
    static let timeLimitSeconds: Int64 = 20
    /// Output of a trial that is kept; what is beyond is read and dropped.
    private static let outputLimit = 256 * 1024

    enum Verdict: Equatable {
        case running
        /// With the lines of `NameBook` that the trial has left.
        case possible(names: [String])
        /// Why not, and what the program said about it.
        case refused(String, output: [String])
    }

    let program: String
    /// Who has asked through the control socket.
    let asker: SlotID?
    let pid: Int32
    let watch: WatchID
    let timer: WatchID
    private let pipe: Descriptor
    private var output: [UInt8] = []
    private var status: WaitStatus?
    private var isTooSlow = false

    init(program: String, asker: SlotID?, pid: Int32, pipe: consuming Descriptor, watch: WatchID, timer: WatchID) {
        self.program = program
        self.asker = asker
        self.pid = pid
        self.pipe = pipe
        self.watch = watch
        self.timer = timer
    }

    enum Output { case open, ended }

    /// Takes what the trial has said; at most so much at a time, whatever it says.
    @discardableResult
    func read() -> Output {
        for _ in 0..<64 {
            let block: [UInt8]?
            do throws(SystemError) {
                block = try pipe.number.read(atMost: 4096)
            } catch {
                return .ended
            }
            guard let block else { return .open }
            if block.isEmpty { return .ended }
            output += block.prefix(Self.outputLimit - output.count)
        }
        return .open
    }

    /// What the trial's own children may say later is not waited for.
    func ended(_ status: WaitStatus) {
        if case .stopped = status { return }
        self.status = status
        read()
    }

    func timeIsUp() {
        isTooSlow = true
        try? sendSignal(.kill, to: pid)
    }

    var verdict: Verdict {
        guard let status else { return .running }
        var lines = String(rawBytes: output).split(separator: "\n").map(String.init)
        let isPossible = lines.last == Trial.possible
        if isPossible { lines.removeLast() }
        let names = lines.filter { $0.hasPrefix(Trial.nameMark) }.map { String($0.dropFirst(Trial.nameMark.count)) }
        if status == .exited(status: 0), isPossible { return .possible(names: names) }
        lines.removeAll { $0.hasPrefix(Trial.nameMark) }
        return .refused(reason(status), output: lines)
    }

    private func reason(_ status: WaitStatus) -> String {
        if isTooSlow { return "it has not tried the take-over out within \(Self.timeLimitSeconds) seconds" }
        let question = "ask it with \(program) --version what it is"
        switch status {
        case .exited(status: 0): return "it is no master that can take over from this one; \(question)"
        case .exited(let status) where output.isEmpty || status > 125:
            return "it cannot take over (exit status \(status)); \(question)"
        case .exited(let status):
            return "it cannot take over (exit status \(status)); correct what it says, and ask again"
        case .signaled(let number): return "it was killed by signal \(number) when it tried the take-over out"
        case .stopped: return "it was stopped"
        }
    }
}
