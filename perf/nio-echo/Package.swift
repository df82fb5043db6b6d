// swift-tools-version: 6.2
//===----------------------------------------------------------------------===//
// Quartermaster: echo servers on SwiftNIO, to stand beside ours in perf/compare
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PackageDescription

let package = Package(
    name: "nio-echo",
    dependencies: [
        // Exactly this one, so that a figure says what it was measured with.
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")
    ],
    targets: ["nio-echo", "nio-async-echo"].map { name in
        .executableTarget(
            name: name,
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]
        )
    }
)
