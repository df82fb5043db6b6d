//===----------------------------------------------------------------------===//
// Quartermaster: counts of everything the policy decided
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// How often each decision was made since master started. Only ever grows.
package struct PolicyCounters: Equatable, Sendable {
    package var spawnsWanted: UInt64 = 0
    package var spawns: UInt64 = 0
    /// Spawns that were decided while another child of the service was starting.
    package var spawnsAhead: UInt64 = 0
    /// Spawns because idle children did not react to clients in the queue.
    package var spawnsBesideIdle: UInt64 = 0
    package var spawnFailures: UInt64 = 0
    package var badStartups: UInt64 = 0
    package var throttles: UInt64 = 0
    package var throttleReleases: UInt64 = 0
    package var taken: UInt64 = 0
    package var available: UInt64 = 0
    package var repeatedReports: UInt64 = 0
    package var staleReports: UInt64 = 0
    package var unknownReporters: UInt64 = 0
    package var unknownStatuses: UInt64 = 0
    package var foreignReports: UInt64 = 0
    package var watchStarts: UInt64 = 0
    package var watchStops: UInt64 = 0
    /// Looks at queues that idle children cover.
    package var looks: UInt64 = 0
    /// Idle children that were asked to look at their queue.
    package var nudges: UInt64 = 0
    /// Watches and channels that the kernel refused.
    package var watchFailures: UInt64 = 0
    package var channelFailures: UInt64 = 0
    /// Times a service had neither an idle child nor room for another one.
    package var limitsReached: UInt64 = 0
    package var limitNotes: UInt64 = 0
    package var stressOnsets: UInt64 = 0
    package var wakeups: UInt64 = 0
    /// Wake-ups that were due while the service was throttled.
    package var wakeupsSkipped: UInt64 = 0
    package var normalExits: UInt64 = 0
    package var failedExits: UInt64 = 0
    package var killedExits: UInt64 = 0
    package var stops: UInt64 = 0
    package var unknownChildren: UInt64 = 0
    package var retiredChildren: UInt64 = 0
    package var servicesAdded: UInt64 = 0
    package var servicesUpdated: UInt64 = 0
    package var servicesRemoved: UInt64 = 0
    package var removalsForced: UInt64 = 0
    /// Drains of a service that were asked for.
    package var drains: UInt64 = 0
    /// Times that a service began to turn clients away.
    package var refusals: UInt64 = 0
    /// Processes that were ended at the deadline of a drain.
    package var processesCutOff: UInt64 = 0
    package var retirements: UInt64 = 0
    /// Times that clients found no room in a queue, or that it was found full.
    package var overflows: UInt64 = 0

    package init() {}

    /// Every counter, in the order above.
    package static var fields: [WritableKeyPath<PolicyCounters, UInt64>] {
        [
            \.spawnsWanted,
            \.spawns,
            \.spawnsAhead,
            \.spawnsBesideIdle,
            \.spawnFailures,
            \.badStartups,
            \.throttles,
            \.throttleReleases,
            \.taken,
            \.available,
            \.repeatedReports,
            \.staleReports,
            \.unknownReporters,
            \.unknownStatuses,
            \.foreignReports,
            \.watchStarts,
            \.watchStops,
            \.looks,
            \.nudges,
            \.watchFailures,
            \.channelFailures,
            \.limitsReached,
            \.limitNotes,
            \.stressOnsets,
            \.wakeups,
            \.wakeupsSkipped,
            \.normalExits,
            \.failedExits,
            \.killedExits,
            \.stops,
            \.unknownChildren,
            \.retiredChildren,
            \.servicesAdded,
            \.servicesUpdated,
            \.servicesRemoved,
            \.removalsForced,
            \.drains,
            \.refusals,
            \.processesCutOff,
            \.retirements,
            \.overflows,
        ]
    }
}
