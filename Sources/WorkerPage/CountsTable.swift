//===----------------------------------------------------------------------===//
// Quartermaster: a page of counts, as the master knows it that keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// What became of the counts of processes that are gone.
package enum CountsOutcome: Equatable, Sendable {
    /// They are their service's.
    case moved
    /// Some found no room in the total of this service, or there was none for it.
    case dropped(service: String)
    /// The disk had no room for their total. They stay where they are, seen as before, until `tidy` finds room.
    case waiting(SystemError)
}

/// Makes a page, and moves the counts of a process that has ended to those of its service. Whoever is `mail_owner` can
/// write anything into it: master believes none of it, adds without overflow, and decides nothing by it but what
/// `WorkerTable` says of heirs.
package protocol CountsTable: ~Copyable {
    /// Below the queue directory.
    static var path: String { get }

    /// Makes the file, at once and whole, in the place of an old one.
    init(at path: String, owner: UserAccount?, master: Int32, nowMilliseconds: Int64) throws(SystemError)

    /// The page that was made in this process, by the program before, or by this one before it lost the mapping; nil if
    /// the file is no such page. Processes that have ended meanwhile are buried.
    ///
    /// - Parameter totals: what it had as `totals`.
    static func continuing(
        at path: String,
        owner: UserAccount?,
        master: Int32,
        totals: [String]
    ) throws(SystemError) -> Self?

    /// Whose the totals are, where that is not read back from the page.
    var totals: [String] { get }

    /// Whether the file still is what was made.
    var isIntact: Bool { get }

    /// Whether the file is still found under its name. Costs a system call.
    var isInPlace: Bool { get }

    /// The process is gone: what it counted is its service's, and its records are free. Of a process without any,
    /// nothing is to be done.
    ///
    /// - Parameter service: `name/type` as in master.cf; nil for what the process itself said.
    @discardableResult
    mutating func processEnded(_ pid: Int32, of service: String?) -> CountsOutcome

    /// Tries again what the disk had no room for.
    @discardableResult
    mutating func tidy() -> CountsOutcome
}
