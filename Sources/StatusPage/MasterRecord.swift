//===----------------------------------------------------------------------===//
// Quartermaster: what the status page says of master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What master is about. Times are milliseconds of CLOCK_MONOTONIC, 0 for never.
package struct MasterFigures: Equatable, Sendable {
    package var state = MasterState.running
    package var pid: Int32 = 0
    package var started: Int64 = 0
    /// The same moment on both clocks: since 1970 on the second one.
    package var monotonicClock: Int64 = 0
    package var realClock: Int64 = 0
    package var lastReload = ReloadOutcome()
    /// How often each decision was made, by `MasterCounter.rawValue`.
    package var counters = [UInt64](repeating: 0, count: MasterCounter.allCases.count)
    package var version = ""
    package var mailVersion = ""
    package var processName = ""
    package var configDirectory = ""
    package var queueDirectory = ""

    package init() {}

    package subscript(counter: MasterCounter) -> UInt64 {
        get { counters[counter.rawValue] }
        set { counters[counter.rawValue] = newValue }
    }

    static let counterRoom = 64
    /// Words before them, the record's number among them.
    static let counterPlace = 16

    mutating func code(with coder: inout some WordCoder) {
        coder.code(&state.code)
        coder.code(&pid)
        coder.code(&started)
        coder.code(&monotonicClock)
        coder.code(&realClock)
        coder.code(&lastReload.ended)
        coder.code(&lastReload.cause.code)
        coder.code(&lastReload.user)
        coder.code(&lastReload.pid)
        coder.code(&lastReload.result.code)
        coder.code(&lastReload.problems)
        coder.code(&lastReload.turnsLeft)
        coder.code(&lastReload.lastTurn)
        coder.code(&lastReload.warnings)
        coder.skip(1)
        for index in counters.indices { coder.code(&counters[index]) }
        coder.skip(Self.counterRoom - counters.count)
        coder.code(&version, words: 8)
        coder.code(&mailVersion, words: 8)
        coder.code(&processName, words: 8)
        coder.code(&configDirectory, words: 64)
        coder.code(&queueDirectory, words: 64)
    }
}

/// What master is doing on the whole.
package enum MasterState: UInt64, CaseIterable, Sendable {
    case unknown, running, draining, upgrading, stopping

    var code: UInt64 {
        get { rawValue }
        set { self = Self(rawValue: newValue) ?? .unknown }
    }

    package var name: String { "\(self)" }
}

/// How the last reload went.
package struct ReloadOutcome: Equatable, Sendable {
    package enum Cause: UInt64, CaseIterable, Sendable {
        case unknown, signal, request

        var code: UInt64 {
            get { rawValue }
            set { self = Self(rawValue: newValue) ?? .unknown }
        }

        package var name: String { "\(self)" }
    }

    package enum Result: UInt64, CaseIterable, Sendable {
        /// There was none.
        case none
        case accepted, refused

        var code: UInt64 {
            get { rawValue }
            set { self = Self(rawValue: newValue) ?? .none }
        }

        package var name: String { "\(self)" }
    }

    package var ended: Int64 = 0
    package var cause = Cause.unknown
    /// Who asked over the control socket.
    package var user: Int64 = 0
    package var pid: Int32 = 0
    package var result = Result.none
    /// What is fatal, and what is a warning.
    package var problems: UInt64 = 0
    package var warnings: UInt64 = 0
    /// Services whose processes are still to be told to leave, and when the last one's turn is; 0 when there are none.
    package var turnsLeft: UInt64 = 0
    package var lastTurn: Int64 = 0

    package init() {}
}

/// Everything that master counts, from its start on. The order is that of the page, and new ones come last.
package enum MasterCounter: Int, CaseIterable, Sendable {
    case taken, available, repeatedReports, staleReports, unknownReporters, unknownStatuses, foreignReports
    case spawnsWanted, spawns, spawnsAhead, spawnsBesideIdle, spawnFailures, badStartups, throttles, throttleReleases
    case watchStarts, watchStops, looks, nudges, watchFailures, channelFailures, limitsReached, limitNotes, stressOnsets
    case wakeups, wakeupsSkipped, normalExits, failedExits, killedExits, stops, unknownChildren, retiredChildren
    case servicesAdded, servicesUpdated, servicesRemoved, removalsForced
    case reloads, reloadsRefused
    case drains, refusals, processesCutOff, retirements
    case overflows
}
