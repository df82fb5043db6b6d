//===----------------------------------------------------------------------===//
// Quartermaster: what a service of lines counts itself
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// With the argument `measures`: lines, the length of the last one, and the sum of lengths, with a label.
struct Measures {
    private let lines: ServiceCounter
    private let length: ServiceGauge
    private let lengths: ServiceSummary

    init?(_ context: ServiceContext) {
        guard context.arguments.contains("measures") else { return nil }
        lines = context.counter("lines")
        length = context.gauge("line.length", labels: [("of", "the \"last\" one")])
        lengths = context.meters.summary("line_bytes")
    }

    func note(_ line: String) {
        lines.add()
        length.set(Double(line.utf8.count))
        lengths.record(Double(line.utf8.count))
    }
}
