//===----------------------------------------------------------------------===//
// Quartermaster: micro-counts, our operations and their peers in C, for callgrind to count
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MicroOperations

// usage: micro-counts [--list | NAME ...]
//
// Runs every operation, or the named ones, N times and then 2 N times on each side. Below callgrind each of the two
// is one dump, so that the difference of the dumps is the cost of N operations without what surrounds them.
// Benchmarks/check-counts does all that. Exit status 1: ours and the peer do not come to the same.

let arguments = CommandLine.arguments.dropFirst()
if arguments.first == "--list" {
    for comparison in Comparison.all { print(comparison.name, comparison.times) }
} else {
    var isGood = true
    if !InstructionCount.isBuilt {
        print("micro-counts: counts nothing: built without valgrind's headers; install valgrind and build anew")
    } else if !InstructionCount.isRunning {
        print("micro-counts: counts nothing outside of valgrind; only compares what both sides come to")
    }
    _ = raiseDescriptorLimit()
    for comparison in try selected(Array(arguments)) {
        let ours = try count(comparison, side: "ours", try comparison.makeOurs())
        let peer = try count(comparison, side: "peer", comparison.makePeer())
        if ours != peer {
            print("micro-counts: \(comparison.name): ours came to \(ours), the peer in C to \(peer)")
            isGood = false
        }
    }
    if !isGood { throw Failure(text: "the two sides do not do the same work: correct one of them") }
}

struct Failure: Error { let text: String }

func selected(_ names: [String]) throws -> [Comparison] {
    if names.isEmpty { return Comparison.all }
    return try names.map { name in
        guard let comparison = Comparison.all.first(where: { $0.name == name }) else {
            throw Failure(text: "no operation \"\(name)\": --list prints them")
        }
        return comparison
    }
}

/// What both rounds came to.
func count(_ comparison: Comparison, side: String, _ workload: any Workload) throws -> [Int] {
    try comparison.warmUp(workload)
    return try [1, 2].map { factor in
        let name = "\(comparison.name) \(side) \(factor)"
        return try InstructionCount.measure(workload, comparison, times: comparison.times * factor, name: name)
    }
}
