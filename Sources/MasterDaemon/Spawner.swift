//===----------------------------------------------------------------------===//
// Quartermaster: starting a child
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

/// Prepares everything a child gets and starts it: fixed descriptors, argv, environment.
struct Spawner: ~Copyable {
    /// The token pipe, one for the whole mail system.
    private let flow: DescriptorPair
    /// Environment of every child but for `GENERATION`.
    private var environment: [String] = []

    init(flow: consuming DescriptorPair) { self.flow = flow }

    /// Takes the process environment as it is now.
    mutating func refreshEnvironment() {
        environment = environmentEntries()
            .filter { $0.name != EnvironmentName.generation.rawValue }
            .map { "\($0.name)=\($0.value)" }
    }

    /// For the next program in this process.
    var flowNumbers: [DescriptorNumber] { [flow.first.number, flow.second.number] }

    /// A program that tries out whether it could take over.
    func tryOut(_ program: String, state: DescriptorNumber, output: DescriptorNumber) -> SpawnOutcome {
        spawn(
            ChildImage(
                path: program,
                arguments: [program, Trial.option],
                environment: environment,
                moves: [(from: state, to: Trial.stateNumber), (from: output, to: .standardOutput)]
            )
        )
    }

    /// - Parameter status: the children's end of the service's status channel.
    func start(
        _ service: RunningService,
        status: DescriptorNumber,
        generation: Generation,
        underStress: Bool
    ) -> SpawnOutcome {
        var sources = [flow.first.number, flow.second.number, status] + service.listeners.numbers
        // A service with very many sockets reaches numbers that are sources: then copies above them all do the duty.
        var copies = DescriptorList()
        let firstFree = InheritedDescriptor.firstListener + Int32(service.listeners.count)
        if firstFree > ChildImage.lowestSource {
            do throws(SystemError) {
                for source in sources { copies.append(try source.duplicate(atLeast: firstFree)) }
                sources = copies.numbers
            } catch {
                return .forkFailed(error)
            }
        }
        let targets = InheritedDescriptor.flowRead..<firstFree
        let moves = zip(sources, targets).map { (from: $0, to: DescriptorNumber($1)) }
        return spawn(
            ChildImage(
                path: service.plan.entry.executablePath,
                arguments: service.arguments(underStress: underStress),
                environment: environment + ["\(EnvironmentName.generation.rawValue)=\(generation.octalText)"],
                moves: moves
            )
        )
    }
}
