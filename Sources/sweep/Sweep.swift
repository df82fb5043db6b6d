//===----------------------------------------------------------------------===//
// Quartermaster: sweep, runs a command whenever it is woken
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CommandRunning
import ServerSkeleton
import SystemCalls

/// Runs the command of its line in master.cf, once for all wake-ups that wait, and never twice at once: wake-ups that
/// come while it runs wait for one more run, and a run that an earlier process has left behind is waited for as well.
struct Sweep: TriggerService {
    static let demands: ServiceDemands = [.solitary, .privileged]
    static let triggersAtOnce = TriggersAtOnce.all
    static let outputLimit = Parameter.integer("sweep_output_limit", default: 1000)
    static var parameters: [any ServiceParameter] { [Command.commonLimit, outputLimit] }

    /// What takes root's powers, or the directory that the process starts in.
    struct Tools: Preparation {
        let command: Command
        let turn: RunTurn
    }

    private let command: Command
    private let turn: RunTurn
    private let outputLimit: Int
    private let log: ServiceLog

    static func prepare(_ context: inout ServiceContext) -> Tools {
        Tools(command: Command(of: &context), turn: RunTurn(context))
    }

    init(_ context: inout ServiceContext, prepared: consuming Tools) {
        command = prepared.command
        turn = prepared.turn
        outputLimit = context.value(of: Self.outputLimit)
        log = context.log
        command.shedPowers(log)
    }

    /// What a command has left running is to belong to init, and not to be taken for a part of the next one.
    mutating func willAccept() -> AcceptDecision {
        command.hasLeftProcessesBehind ? .retire(Command.leftBehind) : .goOn
    }

    mutating func triggered(_ bytes: RawSpan) {
        guard turn.begin(waitingAtMost: command.timeLimit, log) else { return }
        defer { turn.end() }
        do throws(SystemError) {
            try runWhenPossible()
        } catch {
            command.log(error, to: log)
        }
    }

    private static let pauseMilliseconds: UInt32 = 1000

    /// The wake-up has been taken, and nobody repeats it: what the machine is short of is waited for, as long as a run
    /// may last.
    private func runWhenPossible() throws(SystemError) {
        let end = Clock.monotonicNanoseconds() + Int64(command.timeLimit) * 1_000_000_000
        var isFirst = true
        while true {
            do throws(SystemError) {
                return try run()
            } catch {
                guard error.isShortage, Clock.monotonicNanoseconds() < end else { throw error }
                if isFirst { log.warning("command \(command.name) cannot be run yet: \(error.reason) -- trying again") }
                isFirst = false
                Watchdog.waitBegins()
                pause(milliseconds: Self.pauseMilliseconds)
                Watchdog.waitEnded()
            }
        }
    }

    /// More than a pipe holds: who goes on writing is not waited for.
    private static var lastReads: Int { 64 }

    private func run() throws(SystemError) {
        let null = try openFile("/dev/null", .readOnly)
        let pipe = try makePipe(nonBlocking: false)
        try pipe.first.number.setNonBlocking(true)
        let output = pipe.first.number
        let writer = pipe.second.number
        let run = try RunningCommand(command, descriptors: [null.number, writer, writer] + turn.shared)
        // Only the command has that end from now on.
        let reader = pipe.keepingFirst()
        var lines = OutputLines(limit: outputLimit, name: command.name, log)
        let end = run.wait(orFor: output, reading: { lines.read(reader.number) })
        // What it has written last; what its own children write later, nobody waits for.
        var reads = Self.lastReads
        while reads > 0, lines.read(reader.number, isLast: true) { reads -= 1 }
        lines.finish()
        command.log(end, to: log)
    }
}
