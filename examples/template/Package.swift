// swift-tools-version: 6.2
import PackageDescription

// Beside a checkout of Quartermaster. With an address instead of a path:
//   .package(url: "https://git.example.com/quartermaster.git", branch: "main")
// `package:` below is the last part of either, in small letters and without `.git`.
let quartermaster = Package.Dependency.package(path: "../quartermaster")

let package = Package(
    name: "hello",
    dependencies: [quartermaster],
    targets: [
        .executableTarget(
            name: "hello",
            dependencies: [.product(name: "ServerSkeleton", package: "quartermaster")]
        ),
        .testTarget(
            name: "HelloTests",
            dependencies: ["hello", .product(name: "ServiceTesting", package: "quartermaster")]
        ),
    ]
)
