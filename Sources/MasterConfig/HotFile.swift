//===----------------------------------------------------------------------===//
// Quartermaster: whether a configuration file was read while it was being edited
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A file that changed so recently that the next second could bring another change is read again after a pause.
/// All times are in whole seconds.
package enum HotFile {
    package enum Decision: Equatable, Sendable {
        case settled
        case readAgain(afterMilliseconds: Int)
    }

    /// `started` is when reading began, `now` when it ended.
    package static func decide(modified: Int, now: Int, started: Int) -> Decision {
        modified < started - 1 || modified > now ? .settled : .readAgain(afterMilliseconds: 300)
    }
}
