//===----------------------------------------------------------------------===//
// Quartermaster: what the status page says of a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One process of a service. Times are milliseconds of CLOCK_MONOTONIC.
package struct ProcessOverview: Equatable, Sendable {
    /// 0: the row is free.
    package var pid: UInt32 = 0
    /// Row of its service, whose `life` is the one below.
    package var service: UInt32 = 0
    package var life: UInt32 = 0
    /// GENERATION in its environment: how many processes were started before it, of any service.
    package var generation: UInt32 = 0
    package var state = ProcessState.unknown
    package var started: Int64 = 0
    /// When it came into this state.
    package var since: Int64 = 0
    /// How often it became busy.
    package var uses: UInt64 = 0

    package init() {}

    @inline(__always)
    mutating func code(with coder: inout some WordCoder) {
        coder.code(&pid, &service)
        coder.code(&life, &generation)
        coder.code(&state.code)
        coder.code(&started)
        coder.code(&since)
        coder.code(&uses)
        coder.skip(1)
    }

}

/// Public for the sake of `PageRows`.
public enum ProcessState: UInt64, CaseIterable, Sendable {
    case unknown
    /// Not heard of since its fork.
    case starting
    case idle
    case busy
    /// It leaves when it is idle next: it has the settings of before a reload, or stress began.
    case retired
    case retiredBusy
    /// No child of master: it finishes the clients of one that has left.
    case draining

    var code: UInt64 {
        get { rawValue }
        set { self = Self(rawValue: newValue) ?? .unknown }
    }

    package var name: String {
        switch self {
        case .retiredBusy: "retired-busy"
        case .unknown, .starting, .idle, .busy, .retired, .draining: "\(self)"
        }
    }
}
