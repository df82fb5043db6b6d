//===----------------------------------------------------------------------===//
// Quartermaster: scenes in which a test has only so much time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

/// Says when the part of a scene begins and ends that has only so much time; if it does not, that is the whole scene.
/// Only the thread that runs the scene has it, on which issues are recorded, too.
final class SceneClock: @unchecked Sendable {
    private var begun = ContinuousClock.now
    private let limit: Duration
    private var end: ContinuousClock.Instant?

    fileprivate init(_ limit: Duration) { self.limit = limit }

    func start() { begun = .now }

    /// From here on time does not matter.
    func stop() { end = .now }

    fileprivate var isLate: Bool { (end ?? .now) - begun > limit }
}

/// Runs a scene in which the server gives the test only so much time, as when it leaves after a second. Where this
/// machine stood still for longer, whatever failed after that says nothing, and the scene is run again; the last time
/// everything counts.
func inTime(_ limit: Duration, _ scene: (SceneClock) throws -> Void) throws {
    for _ in 0..<5 {
        let clock = SceneClock(limit)
        try withKnownIssue("this machine stood still", isIntermittent: true) {
            try scene(clock)
        } matching: { _ in
            clock.isLate
        }
        if !clock.isLate { return }
    }
    try scene(SceneClock(limit))
}
