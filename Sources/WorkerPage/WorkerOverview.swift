//===----------------------------------------------------------------------===//
// Quartermaster: what workers have counted
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the daemons on our skeletons have counted since master started.
package struct WorkerOverview: Equatable, Sendable {
    /// The pid of the master that made the page.
    package var master: Int32 = 0
    /// When it did, in milliseconds of CLOCK_MONOTONIC.
    package var made: Int64 = 0
    /// Processes that found no row, so that what they did is not in here.
    package var uncounted: UInt64 = 0
    /// In the order of their names.
    package var services: [WorkerFigures] = []
    /// Connections that are open now, by the pid of the process that has them.
    package var open: [UInt32: UInt64] = [:]

    package init() {}

    /// - Parameter name: `name/type` as in master.cf.
    package func service(_ name: String) -> WorkerFigures? { services.first { $0.name == name } }
}

/// What all processes of a service have done, the living and the gone.
package struct WorkerFigures: Equatable, Sendable {
    /// `name/type` as in master.cf.
    package var name: String
    /// Processes that count now.
    package var processes = 0
    /// Connections that are open now.
    package var open: UInt64 = 0
    /// By `WorkerCounter.rawValue`.
    package var counters = [UInt64](repeating: 0, count: WorkerCounter.allCases.count)
    /// By bucket of `HandlerTimes`: not only of this bucket and all before.
    package var times = [UInt64](repeating: 0, count: HandlerTimes.bucketCount)

    package init(name: String) { self.name = name }

    package subscript(counter: WorkerCounter) -> UInt64 {
        get { counters[counter.rawValue] }
        set { counters[counter.rawValue] = newValue }
    }

    /// How many requests the times are of.
    package var timed: UInt64 { times.reduce(0, &+) }
}
