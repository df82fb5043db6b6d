//===----------------------------------------------------------------------===//
// Quartermaster: an async service that counts through swift-metrics
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import CoreMetrics
import ServerSkeleton
import ServiceMetrics

/// Answers `ok` to each line, and counts it as a library would that knows swift-metrics only.
final class MeasuredService: AsyncService {
    init(_ context: inout ServiceContext) { ServiceMetricsFactory.bootstrap(context.meters) }

    func serve(_ connection: AsyncConnection) async throws {
        let time = Timer(label: "line.time")
        for try await line in connection.lines {
            Counter(label: "lines", dimensions: [("first.word", String(line.prefix { $0 != " " }))]).increment()
            Meter(label: "line-length").set(line.utf8.count)
            time.recordMilliseconds(250)
            try await connection.write("ok\n")
        }
    }
}
