//===----------------------------------------------------------------------===//
// Quartermaster: a program that finds itself in the process of a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterPolicy
import SystemCalls

/// How a program learns that it is to take over, and how it gives the process back if it cannot.
///
/// The environment names two descriptors: the sealed file with the state, and the program that ran before. A variable
/// that somebody else has set names no sealed file of a master of this process, and is ignored.
struct TakeOver {
    private static let name = "QM_TAKEOVER"
    private static let problemName = "QM_TAKEOVER_PROBLEM"

    private let state: DescriptorNumber
    private let program: DescriptorNumber
    private let bytes: [UInt8]
    /// Why the program that was executed in between has given the process back to this one.
    let problem: String?
    /// Who wants to hear from this process: no longer in the environment, and said again if the process is given back.
    let offer = ServiceManagerOffer.receive()

    /// For the program that is executed next.
    static func announce(state: DescriptorNumber, program: DescriptorNumber) {
        setEnvironment(name, "\(state.rawValue):\(program.rawValue)")
    }

    /// There is no next program.
    static func withdraw() { removeEnvironment(name) }

    /// nil for a program that was started in the usual way. Leaves nothing of it in the environment.
    static func arriving() -> TakeOver? {
        guard let value = environmentValue(name) else { return nil }
        let problem = environmentValue(problemName)
        removeEnvironment(name)
        removeEnvironment(problemName)
        let numbers = value.split(separator: ":").compactMap { Int32($0) }.map { DescriptorNumber($0) }
        guard numbers.count == 2 else { return nil }
        do throws(SystemError) {
            guard let bytes = try numbers[0].sealedBytes(atMost: Trial.longestState) else { return nil }
            return TakeOver(state: numbers[0], program: numbers[1], bytes: bytes, problem: problem)
        } catch {
            let arrival = TakeOver(state: numbers[0], program: numbers[1], bytes: [], problem: problem)
            arrival.giveBack(nil, commandLine(), "the state of the running master cannot be read: \(error)")
        }
    }

    private init(state: DescriptorNumber, program: DescriptorNumber, bytes: [UInt8], problem: String?) {
        self.state = state
        self.program = program
        self.bytes = bytes
        self.problem = problem
    }

    /// The state; whatever is wrong with it, the program that wrote it goes on.
    func handover(_ arguments: [String]) -> Handover {
        do throws(StateProblem) {
            let handover = try Handover(decoding: bytes)
            guard handover.pid == processID() else { throw .badValue }
            return handover
        } catch {
            giveBack(nil, arguments, error.explanation)
        }
    }

    /// Closes what no field of the state names, and keeps the rest from children.
    func settleDescriptors(_ handover: Handover) {
        let kept = handover.descriptors + [state, program]
        var lowest: Int32 = 3
        for number in kept.map(\.rawValue).sorted() {
            if number > lowest { try? closeAll(from: lowest, to: number - 1) }
            lowest = number + 1
        }
        try? closeAll(from: lowest)
        kept.forEach { try? $0.setCloseOnExec(true) }
    }

    /// The program that ran before is not needed any more.
    func finish() {
        _ = Descriptor(owning: state)
        _ = Descriptor(owning: program)
    }

    /// Executes the program that ran before, with the same state. Where that fails too, there is nobody to go on.
    func giveBack(_ handover: Handover?, _ arguments: [String], _ reason: String) -> Never {
        let log = Log(ident: "\(earlyLogTag())/master", host: nil, destination: earlyLogDestination(), waits: false)
        if problem != nil { log.fatal("upgrade: the program that ran before cannot go on: \(reason)") }
        (handover?.descriptors ?? []).forEach { try? $0.setCloseOnExec(false) }
        [state, program].forEach { try? $0.setCloseOnExec(false) }
        Self.announce(state: state, program: program)
        setEnvironment(Self.problemName, reason)
        offer.announce()
        let path = handover?.programPath ?? arguments.first ?? "master"
        let error = execute(.open(program), arguments: [path] + arguments.dropFirst())
        log.fatal("upgrade: \(reason), and the program that ran before cannot be executed: \(error)")
    }
}
