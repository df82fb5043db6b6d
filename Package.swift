// swift-tools-version: 6.2
//===----------------------------------------------------------------------===//
// Quartermaster: the package manifest; `dependencies:` of a target is what that room may lean on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PackageDescription

/// One language for all our targets: Swift 6, no warning tolerated.
let testSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Outside the tests, every unsafe expression is marked.
let settings = testSettings + [.strictMemorySafety()]

/// Rooms that hand out spans of memory they own say how long such a span lives.
let spanSettings = settings + [.enableExperimentalFeature("Lifetimes")]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
    name: "quartermaster",
    products: [
        .library(name: "ServerSkeleton", targets: ["ServerSkeleton"]),
        .library(name: "AsyncServices", targets: ["AsyncServices"]),
        .library(name: "ServiceLogging", targets: ["ServiceLogging"]),
        .library(name: "ServiceMetrics", targets: ["ServiceMetrics"]),
        .library(name: "ServiceTesting", targets: ["ServiceTesting"]),
        .library(name: "AsyncServiceTesting", targets: ["AsyncServiceTesting"]),
        .executable(name: "master", targets: ["master"]),
        .executable(name: "anvil", targets: ["anvil"]),
        .executable(name: "postlogd", targets: ["postlogd"]),
        .executable(name: "echo", targets: ["echo"]),
        .executable(name: "chat", targets: ["chat"]),
        .executable(name: "exporter", targets: ["exporter"]),
        .executable(name: "policyd", targets: ["policyd"]),
        .executable(name: "spawn", targets: ["spawn"]),
        .executable(name: "sweep", targets: ["sweep"]),
        .executable(name: "relay", targets: ["relay"]),
        .executable(name: "masterctl", targets: ["masterctl"]),
        .executable(name: "bench-accept", targets: ["bench-accept"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: lowRooms + agreements + master + views + skeletons + loadGeneration + microBenchmarks + tests
)

// What times single operations needs a package that nobody else has to fetch. Without its interposers, which count
// allocations and would change what is timed. Benchmarks/README.md says how to run it.
if Context.environment["QM_MICRO"] != nil {
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
    package.targets.append(
        .executableTarget(
            name: "Micro",
            dependencies: [.product(name: "Benchmark", package: "benchmark"), "MicroOperations"],
            // The plug-in finds benchmarks by the name of the folder above.
            path: "Benchmarks/Micro",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    )
}

/// What touches the kernel.
var lowRooms: [Target] {
    [
        .target(name: "CPosix", path: "CShims/CPosix"),
        .target(name: "CEvent", path: "CShims/CEvent"),
        .target(name: "ByteText", swiftSettings: settings),
        .target(name: "FixedMemory", swiftSettings: spanSettings),
        .target(name: "ServiceBytes", dependencies: ["FixedMemory"], swiftSettings: spanSettings),
        .target(name: "SystemCalls", dependencies: ["ByteText", "CPosix", "FixedMemory"], swiftSettings: spanSettings),
        .target(
            name: "Events",
            dependencies: ["CEvent", "FixedMemory", "SystemCalls"],
            swiftSettings: settings
        ),
        .target(name: "Diagnostics", dependencies: ["SystemCalls"], swiftSettings: settings),
    ]
}

/// What parent and child agree on, and what administrators write.
var agreements: [Target] {
    [
        .target(name: "MasterProtocol", swiftSettings: settings),
        .target(name: "MasterConfig", dependencies: ["ByteText", "MasterProtocol"], swiftSettings: settings),
        .target(
            name: "ConfigLoading",
            dependencies: ["Diagnostics", "MasterConfig", "MasterProtocol", "SystemCalls"],
            swiftSettings: settings
        ),
        .target(name: "StatusPage", dependencies: ["SystemCalls"], swiftSettings: settings),
        .target(name: "WorkerPage", dependencies: ["SystemCalls"], swiftSettings: settings),
    ]
}

var master: [Target] {
    [
        .target(name: "MasterPolicy", dependencies: ["MasterProtocol"], swiftSettings: settings),
        .target(name: "MasterControl", dependencies: ["ByteText", "MasterProtocol"], swiftSettings: settings),
        .target(
            name: "MasterDaemon",
            dependencies: [
                "ByteText", "ConfigLoading", "Diagnostics", "Events", "FixedMemory", "MasterConfig", "MasterControl",
                "MasterPolicy", "MasterProtocol", "StatusPage", "SystemCalls", "WorkerPage",
            ],
            swiftSettings: settings
        ),
        .executableTarget(name: "master", dependencies: ["MasterDaemon"], swiftSettings: settings),
    ]
}

/// What people see of master, and what programs do: texts of what the status page says.
var views: [Target] {
    [
        .target(name: "TerminalText", swiftSettings: settings),
        .target(
            name: "MasterOverview",
            dependencies: ["StatusPage", "TerminalText", "WorkerPage"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "masterctl",
            dependencies: [
                "ByteText", "ConfigLoading", "Diagnostics", "MasterConfig", "MasterControl", "MasterOverview",
                "MasterProtocol", "StatusPage", "SystemCalls", "TerminalText", "WorkerPage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
    ]
}

var skeletons: [Target] {
    [
        .target(
            name: "ServerSkeleton",
            dependencies: [
                "ConfigLoading", "Diagnostics", "Events", "FixedMemory", "MasterConfig", "MasterProtocol",
                "ServiceBytes", "SystemCalls", "WorkerPage",
            ],
            swiftSettings: spanSettings
        ),
        .target(
            name: "AsyncServices",
            dependencies: ["FixedMemory", "ServerSkeleton", "SystemCalls"],
            swiftSettings: spanSettings
        ),
        .target(name: "ServiceLogging", dependencies: ["ServerSkeleton", logging], swiftSettings: settings),
        .target(name: "ServiceMetrics", dependencies: ["ServerSkeleton", metrics], swiftSettings: settings),
        .target(
            name: "ServiceTesting",
            dependencies: ["MasterProtocol", "ServerSkeleton", "SystemCalls"],
            swiftSettings: settings
        ),
        .target(
            name: "AsyncServiceTesting",
            dependencies: ["AsyncServices", "ServerSkeleton", "ServiceTesting"],
            swiftSettings: settings
        ),
        .target(name: "HTTPRequests", dependencies: ["ServerSkeleton"], swiftSettings: settings),
        .target(name: "ProxyHeader", dependencies: ["FixedMemory"], swiftSettings: spanSettings),
        .target(name: "RelayPolicy", swiftSettings: settings),
        .target(name: "AnvilRates", dependencies: ["FixedMemory", "ServiceBytes"], swiftSettings: settings),
        .executableTarget(name: "anvil", dependencies: ["AnvilRates", "ServerSkeleton"], swiftSettings: settings),
        .executableTarget(
            name: "postlogd",
            dependencies: ["Diagnostics", "MasterConfig", "ServerSkeleton"],
            swiftSettings: settings
        ),
        .target(name: "PolicyDecisions", dependencies: ["FixedMemory"], swiftSettings: settings),
        .target(
            name: "PolicyJournal",
            dependencies: ["FixedMemory", "PolicyDecisions", "SystemCalls"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "policyd",
            dependencies: ["MasterConfig", "PolicyDecisions", "PolicyJournal", "ServerSkeleton", "SystemCalls"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "relay",
            dependencies: [
                "FixedMemory", "MasterConfig", "ProxyHeader", "RelayPolicy", "ServerSkeleton", "SystemCalls",
            ],
            swiftSettings: settings
        ),
        .executableTarget(name: "echo", dependencies: ["ServerSkeleton"], swiftSettings: settings),
        .target(
            name: "CommandRunning",
            dependencies: ["ConfigLoading", "MasterConfig", "ServerSkeleton", "SystemCalls"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "spawn",
            dependencies: ["CommandRunning", "ServerSkeleton", "SystemCalls"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "sweep",
            dependencies: ["CommandRunning", "ServerSkeleton", "SystemCalls"],
            swiftSettings: settings
        ),
        .executableTarget(name: "chat", dependencies: ["ServerSkeleton"], swiftSettings: settings),
        .executableTarget(
            name: "exporter",
            dependencies: [
                "HTTPRequests", "MasterOverview", "ServerSkeleton", "StatusPage", "SystemCalls", "WorkerPage",
            ],
            swiftSettings: settings
        ),
    ]
}

var loadGeneration: [Target] {
    [
        .target(name: "CLoad", path: "Benchmarks/CLoad"),
        .target(
            name: "LoadReports",
            dependencies: ["TerminalText"],
            path: "Benchmarks/LoadReports",
            swiftSettings: settings
        ),
        .target(
            name: "ProcessWatching",
            dependencies: ["LoadReports", "SystemCalls"],
            path: "Benchmarks/ProcessWatching",
            swiftSettings: settings
        ),
        .target(
            name: "LoadGeneration",
            dependencies: [
                "CLoad", "Events", "LoadReports", "SystemCalls",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Benchmarks/LoadGeneration",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "bench-accept",
            dependencies: [
                "ByteText", "LoadGeneration", "LoadReports", "ProcessWatching", "SystemCalls", "TerminalText",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/bench-accept",
            swiftSettings: settings
        ),
        // Only to be measured: workers beside servers that do nothing else.
        .executableTarget(
            name: "event-echo",
            dependencies: ["ServerSkeleton"],
            path: "Benchmarks/event-echo",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "async-echo",
            dependencies: ["AsyncServices", "ServerSkeleton"],
            path: "Benchmarks/async-echo",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "datagram-echo",
            dependencies: ["ServerSkeleton"],
            path: "Benchmarks/datagram-echo",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "http-answer",
            dependencies: ["HTTPRequests", "ServerSkeleton"],
            path: "Benchmarks/http-answer",
            swiftSettings: settings
        ),
    ]
}

/// Single operations beside the same in C: what runs them, and what counts their instructions.
var microBenchmarks: [Target] {
    [
        .target(name: "CPeers", path: "Benchmarks/CPeers"),
        .target(
            name: "MicroOperations",
            dependencies: [
                "CPeers", "Events", "FixedMemory", "MasterDaemon", "MasterPolicy", "MasterProtocol",
                "PolicyDecisions", "SystemCalls",
            ],
            path: "Benchmarks/MicroOperations",
            swiftSettings: spanSettings
        ),
        .executableTarget(
            name: "micro-counts",
            dependencies: ["MicroOperations"],
            path: "Benchmarks/MicroCounts",
            swiftSettings: settings
        ),
    ]
}

/// Tests of one room each, of whole processes, and of Debian's Postfix beside ours.
var tests: [Target] {
    [
        .target(name: "CSpawn", path: "Tests/Support/CSpawn"),
        .target(
            name: "TestSupport",
            dependencies: ["CSpawn", "SystemCalls"],
            path: "Tests/Support",
            exclude: ["sandbox", "CSpawn", "hanging-names", "malloc-count", "outside"],
            swiftSettings: testSettings
        ),
        .executableTarget(name: "wire-probe", path: "Tests/WireProbe"),
        .executableTarget(name: "test-child", path: "Tests/TestChild"),
        .executableTarget(
            name: "test-service",
            dependencies: ["ServerSkeleton", "SystemCalls"],
            path: "Tests/TestService",
            swiftSettings: testSettings
        ),
        .executableTarget(
            name: "test-async-service",
            dependencies: ["AsyncServices", "ServerSkeleton", "ServiceMetrics", metrics],
            path: "Tests/TestAsyncService",
            swiftSettings: testSettings
        ),
        test("FixedMemoryTests", ["FixedMemory"]),
        test("AsyncServicesTests", ["AsyncServiceTesting", "AsyncServices", "ServerSkeleton", "ServiceTesting"]),
        test("SystemCallsTests", ["SystemCalls", "TestSupport"]),
        test("EventsTests", ["Events", "FixedMemory", "SystemCalls"]),
        test("DiagnosticsTests", ["Diagnostics", "SystemCalls", "TestSupport"]),
        test("MasterConfigTests", ["ByteText", "MasterConfig", "MasterProtocol"], exclude: ["Golden"]),
        test("MasterProtocolTests", ["MasterProtocol"]),
        test("StatusPageTests", ["StatusPage", "SystemCalls", "TestSupport"]),
        test("WorkerPageTests", ["SystemCalls", "TestSupport", "WorkerPage"]),
        test(
            "MasterOverviewTests",
            ["MasterOverview", "StatusPage", "TerminalText", "TestSupport", "WorkerPage"],
            exclude: ["Golden"]
        ),
        test("MasterPolicyTests", ["MasterPolicy", "MasterProtocol"]),
        test("MasterControlTests", ["MasterControl", "MasterProtocol"]),
        test(
            "MasterDaemonTests",
            [
                "ConfigLoading", "Diagnostics", "Events", "FixedMemory", "MasterConfig", "MasterDaemon", "MasterPolicy",
                "MasterProtocol", "StatusPage", "SystemCalls", "TestSupport",
            ]
        ),
        test(
            "ServerSkeletonTests",
            [
                "ByteText", "CSpawn", "ConfigLoading", "Diagnostics", "MasterProtocol", "ServerSkeleton",
                "ServiceLogging", "ServiceMetrics", "StatusPage", "SystemCalls", "TestSupport", "WorkerPage",
                "exporter", "test-service", "test-async-service",
                "echo", "chat", "anvil", "policyd", "postlogd", "spawn", "sweep", "http-answer", logging, metrics,
            ]
        ),
        test("ServiceBytesTests", ["ServiceBytes"]),
        test(
            "ServiceTestingTests",
            ["ServerSkeleton", "ServiceTesting", "SystemCalls", "master", "chat", "echo", "test-service"]
        ),
        test("AnvilTests", ["AnvilRates", "ServiceTesting", "anvil"]),
        test("CommandRunningTests", ["CommandRunning", "MasterConfig"]),
        test("PolicyDecisionsTests", ["FixedMemory", "PolicyDecisions"]),
        test("PolicyJournalTests", ["PolicyDecisions", "PolicyJournal", "SystemCalls", "TestSupport"]),
        test("ProxyHeaderTests", ["ProxyHeader"]),
        test("RelayPolicyTests", ["RelayPolicy"]),
        test("RelayServiceTests", ["ServiceTesting", "SystemCalls", "TestSupport", "relay"]),
        test(
            "LoadReportsTests",
            ["LoadReports", "ProcessWatching", "SystemCalls", "TerminalText", "TestSupport"],
            exclude: ["Golden"]
        ),
        test("BenchAcceptTests", ["LoadGeneration", "LoadReports", "SystemCalls", "TestSupport", "bench-accept"]),
        test(
            "IntegrationTests",
            [
                "CSpawn", "StatusPage", "TestSupport", "WorkerPage", "master", "masterctl", "postlogd", "echo",
                "exporter", "chat", "relay", "bench-accept", "test-child", "test-service",
                "test-async-service",
            ]
        ),
        test(
            "InteropTests",
            [
                "TestSupport", "wire-probe", "master", "anvil", "policyd", "postlogd", "echo", "chat", "spawn", "sweep",
                "masterctl", "bench-accept", "relay", "test-service", "test-async-service",
            ],
            exclude: ["System"]
        ),
    ]
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: testSettings)
}
