//===----------------------------------------------------------------------===//
// Quartermaster: when master looks whether its pages are still where readers find them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Somebody may remove the file of a page, or put another in its place, and master, which only stores to memory, does
/// not notice. So it looks: one file a minute, in turn.
struct PageLooks {
    enum Page { case status, workers }

    static let pauseMilliseconds: Int64 = 60_000

    private(set) var next: Int64?
    private var turn = Page.status

    /// The page to look at now; nil: none yet.
    mutating func due(_ now: Int64) -> Page? {
        guard let next else {
            self.next = now + Self.pauseMilliseconds
            return nil
        }
        if now < next { return nil }
        self.next = now + Self.pauseMilliseconds
        defer { turn = turn == .status ? .workers : .status }
        return turn
    }
}
