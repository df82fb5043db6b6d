//===----------------------------------------------------------------------===//
// Quartermaster: spawn, runs a command for each client
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CommandRunning
import ServerSkeleton
import SystemCalls

/// Runs the command of its line in master.cf with the client as standard input, output and error, and waits for its
/// end. It never reads or writes a byte of the client's.
struct Spawn: SingleService {
    static let demands: ServiceDemands = .privileged
    static var parameters: [any ServiceParameter] { [Command.commonLimit] }

    private let command: Command
    private let log: ServiceLog

    /// Names are looked up while there is an /etc to look into.
    static func prepare(_ context: inout ServiceContext) -> Command { Command(of: &context) }

    init(_ context: inout ServiceContext, prepared: consuming Command) {
        command = prepared
        log = context.log
        command.shedPowers(log)
    }

    /// What a command has left running is to belong to init, and not to be taken for a part of the next one.
    mutating func willAccept() -> AcceptDecision {
        command.hasLeftProcessesBehind ? .retire(Command.leftBehind) : .goOn
    }

    mutating func serve(_ client: inout BlockingClient) {
        let input = DescriptorNumber(client.inputDescriptor)
        let output = DescriptorNumber(client.outputDescriptor)
        do throws(SystemError) {
            let run = try RunningCommand(command, descriptors: [input, output, output])
            let end = run.wait()
            command.log(end, to: log)
            // Whoever may still have the connection open and could not be killed.
            if end == .tookTooLong { for number in [input, output] { try? number.shutdown() } }
        } catch {
            command.log(error, to: log)
        }
    }
}
