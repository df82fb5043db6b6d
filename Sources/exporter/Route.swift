//===----------------------------------------------------------------------===//
// Quartermaster: what a request asks for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// The path of a target, without what a `?` begins.
enum Route {
    case page, metrics, status, health, readiness
    case unknown

    /// - Parameter target: a path, or a URL, whose server does not matter: nobody asks us for another's.
    init(_ target: borrowing RawSpan) {
        let start = Self.start(ofPathIn: target)
        let end = target.firstIndex(of: UInt8(ascii: "?"), from: start) ?? target.byteCount
        self = Self.named(target.extracting(start..<end))
    }

    private static func named(_ path: borrowing RawSpan) -> Route {
        if path.equals("/metrics") { return .metrics }
        if path.equals("/status.json") { return .status }
        if path.equals("/healthz") { return .health }
        if path.equals("/readyz") { return .readiness }
        if path.equals("/") { return .page }
        return .unknown
    }

    private static func start(ofPathIn target: borrowing RawSpan) -> Int {
        guard target.starts(with: "http://") else { return 0 }
        return target.firstIndex(of: UInt8(ascii: "/"), from: 7) ?? target.byteCount
    }
}
