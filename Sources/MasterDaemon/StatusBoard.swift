//===----------------------------------------------------------------------===//
// Quartermaster: the status page of a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterPolicy
package import StatusPage
package import SystemCalls

/// Keeps pid/master.status: makes the file, makes a larger one when there are more services or processes than it has
/// room for, and another one when it was lost. What stands in it is decided in `Master+Publishing.swift`.
///
/// Whatever goes wrong here costs the page and nothing else: it is tried again.
package struct StatusBoard: ~Copyable {
    /// The loop waits no longer than this, so that a reader can tell a master without work from one that hangs.
    static let heartbeatMilliseconds: Int64 = 10_000
    /// Between two tries to make the file.
    static let retryMilliseconds: Int64 = 60_000
    private static let eventRoom = 1024

    private let path: String
    /// One without a row while there is none.
    private var page = PageWriter()
    /// Whether what changes is to be written down.
    private(set) var isOpen = false
    /// Until then, a turn that brought reports has nothing to do but to tell of them; see `rest`.
    private var nextChore: Int64 = .min
    private var lossesSeen: Int32 = 0
    /// Rows that it has.
    private var serviceRoom: Int { page.layout.services.count }
    private var processRoom: Int { page.layout.processes.count }
    /// The page has no room for all; a larger one could not be had.
    private var isFull = false
    /// The file of the page has lost its name, or another one has it.
    private var isMissing = false
    /// Whether readers find it.
    var isSeen: Bool { isOpen && !isMissing }
    private var nextTry: Int64 = .min
    private var nextClock: Int64 = .min
    private(set) var lastEvent: UInt64 = 0
    /// Of a page that was given up, or of a program that ran before in this process, for the next one.
    private var inheritedEvents: [Int64] = []
    /// Of each row, the trouble that is told in it.
    private var troubles: [ServiceTrouble?] = []
    /// What is said of master itself, without its clock and counters.
    var master = MasterFigures()

    package init(path: String) { self.path = path }

    // MARK: the file

    /// What is to be done about the file.
    enum Need {
        case nothing
        /// There is none, or it is too small, and it is time for a try.
        case page
        /// It is gone from under us.
        case replacement
    }

    mutating func need(services: Int, processes: Int, now: Int64) -> Need {
        lossesSeen = SharedMemory.losses
        guard isOpen else { return now >= nextTry ? .page : .nothing }
        if page.isLost { return .replacement }
        if isMissing { return now >= nextTry ? .page : .nothing }
        if serviceRoom >= services, processRoom >= processes { return .nothing }
        return isFull && now < nextTry ? .nothing : .page
    }

    /// Makes a page with room for so many and half as many again. Readers find it when `appear` is called, until which
    /// it has to be filled.
    package mutating func makePage(services: Int, processes: Int, now: Int64) -> Result<Void, SystemError> {
        nextTry = now + Self.retryMilliseconds
        let layout = PageLayout(
            services: max(64, services + services / 2),
            processes: max(512, processes + processes / 2),
            events: Self.eventRoom
        )
        do throws(SystemError) {
            var new = try makeWriter(layout)
            if isOpen, !page.isLost { new.takeEvents(from: page) }
            new.write(eventWords: inheritedEvents)
            inheritedEvents = []
            swap(&page, &new)
            retired = isOpen ? consume new : nil
        } catch {
            try? removeFile(draftPath)
            isFull = isOpen
            return .failure(error)
        }
        isOpen = true
        lossesSeen = SharedMemory.losses
        isFull = false
        isMissing = false
        troubles = Array(repeating: nil, count: layout.services.count)
        return .success(())
    }

    private func makeWriter(_ layout: PageLayout) throws(SystemError) -> PageWriter {
        do throws(SystemError) {
            return try PageWriter(layout, at: draftPath)
        } catch {
            if isOpen { throw error }
            // Nobody shall take what another program has left for the present, and ours may need its room.
            try? removeFile(path)
            return try PageWriter(layout, at: draftPath)
        }
    }

    /// The page before, until the new one has its name.
    private var retired: PageWriter?

    private var draftPath: String { path + ".new" }

    /// The page is whole: readers find it from now on.
    package mutating func appear(now: Int64) throws(SystemError) {
        page.appear(now: now)
        let former = retired.take()
        do throws(SystemError) {
            try renameFile(draftPath, to: path)
        } catch {
            close()
            isMissing = false
            try? removeFile(draftPath)
            throw error
        }
        if let former { former.markSuperseded() }
    }

    /// The next page has the events of this one, as far as they can be seen.
    private mutating func close() {
        inheritedEvents = page.isLost ? [] : page.eventWords
        page = PageWriter()
        isOpen = false
        nextChore = .min
    }

    /// Somebody may have removed the file, or put another in its place: then it is time to make one, which takes the
    /// events over. Whether that is news. Costs a system call.
    mutating func look() -> Bool {
        nextTry = .min
        guard isOpen else { return false }
        if let found = try? facts(ofPath: path, followingLinks: false), page.isFile(found) {
            isMissing = false
            return false
        }
        defer { isMissing = true }
        return !isMissing
    }

    /// Gives the page up; another one is made later.
    mutating func giveUp(now: Int64) {
        close()
        nextTry = now + Self.heartbeatMilliseconds
    }

    // MARK: what is told

    /// master is awake. Every now and then, the two clocks are told again, and somebody may have emptied the file.
    package mutating func beat(now: Int64) -> Bool {
        page.rows.beat(now)
        guard now >= nextClock else { return false }
        nextClock = now + Self.heartbeatMilliseconds
        return true
    }

    var isIntact: Bool { page.isIntact }

    /// All chores are done until the clocks are due, the next look, or the next try.
    package mutating func rest(untilLook look: Int64) {
        nextChore = isOpen ? min(nextClock, look, isMissing || isFull ? nextTry : .max) : min(nextTry, look)
    }

    mutating func write(_ counters: PolicyCounters, now: Int64, realTime: Int64) {
        (master.monotonicClock, master.realClock) = (now, realTime)
        for counter in MasterCounter.allCases {
            if let value = counters.value(counter) { master[counter] = value }
        }
        page.write(master)
    }

    /// Of a turn that brought little more than reports: takes what the policy has to tell, and writes it down. This is
    /// for every report, so it does as little as can be, and all of it under one access.
    ///
    /// - Returns: whether that was all that is to be done; if not, the rest is as it was.
    package mutating func tellReports(_ policy: inout Policy, now: Int64) -> Bool {
        guard now < nextChore, SharedMemory.losses == lossesSeen else { return false }
        if !isOpen { return true }
        page.rows.beat(now)
        let isAll = Self.tellReports(&policy, &page.rows)
        page.rows.write(
            taken: policy.counters.taken,
            available: policy.counters.available,
            repeated: policy.counters.repeatedReports,
            watchStarts: policy.counters.watchStarts,
            watchStops: policy.counters.watchStops,
            looks: policy.counters.looks,
            limitsReached: policy.counters.limitsReached
        )
        return isAll
    }

    private static func tellReports(_ policy: inout Policy, _ rows: inout PageRows) -> Bool {
        policy.takeNewsOfReports { row, line in
            if row >= rows.services.count { return }
            rows.write(
                ServiceCover(line.coverage, isDisabled: line.isDisabled),
                starting: line.starting,
                idle: line.idle,
                busy: line.busy,
                retired: line.retiredIdle,
                waiting: line.clientsWaiting,
                waitingSeen: line.lookedAt?.milliseconds ?? 0,
                uses: line.uses,
                counted: line.until.milliseconds,
                busyTime: line.busyMilliseconds,
                saturatedTime: line.saturatedMilliseconds,
                crowdedTime: line.crowdedMilliseconds,
                row: row
            )
        } child: { child in
            tell(child, &rows)
        }
    }

    private static func tell(_ child: ChildNews, _ rows: inout PageRows) {
        let row = Int(child.row)
        if row >= rows.processes.count { return }
        rows.write(ProcessState(child.state), since: child.since.milliseconds, uses: UInt64(child.uses), row: row)
    }

    /// Takes what the policy has to tell, whatever it is, and writes it down.
    ///
    /// - Parameter texts: what a service is, if it is known.
    package mutating func tell(_ policy: inout Policy, texts: (ServiceView, ServiceTrouble?) -> ServiceTexts?) {
        guard isOpen else { return }
        while let (index, what) = policy.nextChangedService() {
            if index >= serviceRoom { continue }
            // Nobody sees the figures of one service under the name of another.
            if what.hasIdentity { vacate(serviceRow: index) }
            if what.hasLoad { page.write(ServiceLoad(policy.line(at: index)), row: index) }
            if what.hasMoreThanLoad, let view = policy.view(at: index) {
                write(view, policy.plainFigures(at: index), isNew: what.hasIdentity, row: index, texts)
            }
        }
        while let row = policy.nextVacatedRow() {
            if row < processRoom { page.write(ProcessOverview(), row: row) }
        }
        while let child = policy.nextNewChild() {
            if child.row < processRoom { page.write(ProcessOverview(child), row: child.row) }
        }
        policy.takeChangedChildren { child in Self.tell(child, &page.rows) }
        write(policy.counters)
    }

    private mutating func write(_ counters: PolicyCounters) {
        let words = MasterCounter.allCases.map { counters.value($0) ?? master[$0] }
        page.write(counters: words.span)
    }

    private mutating func write(
        _ view: ServiceView,
        _ figures: ServiceFigures,
        isNew: Bool,
        row: Int,
        _ texts: (ServiceView, ServiceTrouble?) -> ServiceTexts?
    ) {
        page.write(ServiceCounts(view, figures), row: row)
        guard isNew || troubles[row] != figures.lastTrouble, let texts = texts(view, figures.lastTrouble) else {
            return
        }
        troubles[row] = figures.lastTrouble
        page.write(texts, row: row)
    }

    private mutating func vacate(serviceRow row: Int) {
        page.write(ServiceTexts(), row: row)
        troubles[row] = nil
    }

    /// The events of the page, as `PageWriter` keeps them.
    var eventWords: [Int64] { isOpen ? page.eventWords : inheritedEvents }

    /// What happens from now on comes behind these events.
    mutating func goOn(behind events: [Int64], _ last: UInt64) { (inheritedEvents, lastEvent) = (events, last) }

    mutating func write(_ event: EventEntry) {
        var event = event
        lastEvent += 1
        event.number = lastEvent
        page.write(event)
    }
}
