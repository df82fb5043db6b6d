//===----------------------------------------------------------------------===//
// Quartermaster: a reload under way
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterPolicy
import SystemCalls

/// What is new for the reload that is wanted or under way.
struct ReloadNews: OptionSet {
    let rawValue: UInt8

    /// SIGHUP, or a client of the control socket.
    static let asked = ReloadNews(rawValue: 1)
    /// The attempt's timer.
    static let timerFired = ReloadNews(rawValue: 2)
    static let namesArrived = ReloadNews(rawValue: 4)
}

/// A reload from its signal to its outcome. It waits for one thing at a time, and never in the loop:
///
///     SIGHUP --> main.cf is being edited? --yes--> timer ----+
///                     ^        | no                          |
///                     +--------|-----------------------------+
///                     |        v
///                     |   read the files --> names to look up? --no--> accept or refuse
///                     |                           | yes
///                     +--- answers <-- helper <---+      (or: too slow, ended --> refuse)
///
/// The files are read again when the answers are there, so a signal that comes in between asks for nothing new: the
/// processes are told to leave once. Where there are no answers, it asks for another attempt, since the files may have
/// been corrected meanwhile.
final class ReloadAttempt {
    /// How long a main.cf that is edited again and again is waited for.
    static let longestPostponement: Int64 = 10_000
    /// Readings after which names are still missing: new ones are written faster than they can be looked up.
    static let longestRow = 5

    let names = NameBook(.noting)
    /// What whoever asked wants; all of them, if there were several.
    var wish: ReloadWish
    /// Another reload was asked for while names were looked up.
    var isAskedAgain = false
    private(set) var helper: NameHelper?
    private(set) var helperWatch: WatchID?
    private(set) var readings = 0
    private var postponedSince: PolicyTime?
    private var wasPostponed = false
    private var hasWaitedLongEnough = false

    init(_ wish: ReloadWish) { self.wish = wish }

    var isPostponed: Bool { postponedSince != nil }
    var isLookingUp: Bool { helper != nil }

    enum Postponement {
        /// Wait; the log has not heard of it.
        case first
        case again
        /// Wait no longer; the log has not heard of it.
        case tooLong
        case refused
    }

    /// Whether to wait for a main.cf that is being edited.
    func postpone(_ now: PolicyTime) -> Postponement {
        if hasWaitedLongEnough { return .refused }
        let since = postponedSince ?? now
        postponedSince = since
        if now.milliseconds - since.milliseconds >= Self.longestPostponement {
            hasWaitedLongEnough = true
            return .tooLong
        }
        defer { wasPostponed = true }
        return wasPostponed ? .again : .first
    }

    /// The files are read now.
    func beginReading() {
        postponedSince = nil
        readings += 1
        names.closeQuestions()
    }

    func beginLookup(_ helper: consuming NameHelper, _ watch: WatchID) {
        self.helper = consume helper
        helperWatch = watch
    }

    func readAnswers() -> NameHelper.Progress { helper?.read(into: names) ?? .finished }

    /// The question that the helper has not answered yet.
    var pendingQuestion: NameQuestion? { helper?.pending }

    /// Ends the helper, whether it has done its work or not.
    func endLookup(_ loop: inout EventLoop) {
        if let watch = helperWatch { loop.remove(watch) }
        helperWatch = nil
        helper?.end()
        helper = nil
    }
}
