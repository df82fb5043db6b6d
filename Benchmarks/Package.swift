// swift-tools-version: 6.2
//===----------------------------------------------------------------------===//
// Quartermaster: the micro-benchmarks, a package of their own, so that nobody else has to fetch what times them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PackageDescription

let package = Package(
    name: "quartermaster-benchmarks",
    platforms: [.macOS(.v13)],
    dependencies: [
        // The operations are a target of the root package: what they measure is visible inside of it only.
        .package(name: "quartermaster", path: ".."),
        // Without its interposers, which count allocations and would change what is timed.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Micro",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "MicroOperations", package: "quartermaster"),
            ],
            // The plug-in finds benchmarks by the name of the folder above: Benchmarks, where we are.
            path: "Micro",
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .strictMemorySafety()],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    ]
)
