//===----------------------------------------------------------------------===//
// Quartermaster: an operation of ours and the same in C
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers

/// Two ways to do one thing, to be measured side by side.
package struct Comparison: Sendable {
    package let name: String
    /// Repetitions that make a count of instructions exact enough and take a second at most.
    package let times: Int
    /// Whether `prepare` has to come before every single run.
    package let isPreparedEachTime: Bool
    package let makeOurs: @Sendable () throws -> any Workload
    package let makePeer: @Sendable () -> any Workload

    init(
        _ name: String,
        times: Int,
        isPreparedEachTime: Bool = false,
        ours: @escaping @Sendable () throws -> any Workload,
        peer: @escaping @Sendable () -> any Workload
    ) {
        self.name = name
        self.times = times
        self.isPreparedEachTime = isPreparedEachTime
        makeOurs = ours
        makePeer = peer
    }

    /// Every comparison there is, in the order of the rooms.
    package static var all: [Comparison] { loop + sockets + status + memory + policy }

    /// Runs `workload` once, prepared, so that what happens only the first time is over.
    package func warmUp(_ workload: any Workload) throws {
        try workload.prepare()
        _ = try workload.run(1)
    }
}

/// Instructions counted by valgrind's callgrind between two places. Elsewhere it counts nothing.
package enum InstructionCount {
    /// Whether this build knows how to talk to callgrind.
    package static var isBuilt: Bool { cpeers_count_is_built() != 0 }
    /// Whether callgrind is there to be talked to.
    package static var isRunning: Bool { cpeers_count_is_running() != 0 }

    /// Counts what `times` runs of `workload` take, and has callgrind write it down under `name`.
    package static func measure(
        _ workload: any Workload,
        _ comparison: Comparison,
        times: Int,
        name: String
    ) throws
        -> Int
    {
        var result = 0
        cpeers_count_begin()
        if comparison.isPreparedEachTime {
            for _ in 0..<times {
                try workload.prepare()
                cpeers_count_toggle()
                result += try workload.run(1)
                cpeers_count_toggle()
            }
        } else {
            cpeers_count_toggle()
            result = try workload.run(times)
            cpeers_count_toggle()
        }
        unsafe cpeers_count_end(name)
        return result
    }
}

/// As many descriptors as the system allows; returns how many that are.
package func raiseDescriptorLimit() -> Int { Int(cpeers_raise_descriptor_limit()) }
