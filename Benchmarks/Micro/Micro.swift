//===----------------------------------------------------------------------===//
// Quartermaster: every comparison, timed by ordo-one/benchmark
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Benchmark
import MicroOperations

/// Two benchmarks for each operation: "<name> ours" and "<name> peer".
let benchmarks: @Sendable () -> Void = {
    _ = raiseDescriptorLimit()
    for comparison in Comparison.all {
        time(comparison, "ours", comparison.makeOurs)
        time(comparison, "peer", comparison.makePeer)
    }
}

private func time(_ comparison: Comparison, _ side: String, _ make: @escaping @Sendable () throws -> any Workload) {
    // An operation that needs preparations, or that takes long, is timed by itself; of others a thousand at a time.
    let isTimedAlone = comparison.isPreparedEachTime || comparison.times == 1
    let configuration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput],
        warmupIterations: 3,
        scalingFactor: isTimedAlone ? .one : .kilo,
        maxDuration: .seconds(1)
    )
    Benchmark("\(comparison.name) \(side)", configuration: configuration) { benchmark, workload in
        if comparison.isPreparedEachTime { try workload.prepare() }
        benchmark.startMeasurement()
        blackHole(try workload.run(benchmark.scaledIterations.count))
        benchmark.stopMeasurement()
    } setup: { () -> any Workload in
        let workload = try make()
        try comparison.warmUp(workload)
        return workload
    }
}
