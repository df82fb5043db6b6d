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

    /// Behind a reference, because an optional value that cannot be copied cannot be looked at in place.
    private final class Page {
        var writer: PageWriter
        init(_ writer: consuming PageWriter) { self.writer = writer }
    }

    private let path: String
    private var page: Page? {
        didSet { if page == nil { (serviceRoom, processRoom) = (0, 0) } }
    }
    /// Rows that it has.
    private var serviceRoom = 0
    private var processRoom = 0
    /// The page has no room for all; a larger one could not be had.
    private var isFull = false
    /// The file of the page has lost its name, or another one has it.
    private var isMissing = false
    private var nextTry: Int64 = .min
    private var nextClock: Int64 = .min
    private(set) var lastEvent: UInt64 = 0
    /// Of a program that ran before in this process, for the first page.
    private var inheritedEvents: [Int64] = []
    /// Of each row, the trouble that is told in it.
    private var troubles: [ServiceTrouble?] = []
    /// What is said of master itself, without its clock and counters.
    var master = MasterFigures()

    package init(path: String) { self.path = path }

    /// Whether what changes is to be written down.
    var isOpen: Bool { page != nil }

    // MARK: the file

    /// What is to be done about the file.
    enum Need {
        case nothing
        /// There is none, or it is too small, and it is time for a try.
        case page
        /// It is gone from under us.
        case replacement
    }

    func need(services: Int, processes: Int, now: Int64) -> Need {
        guard let page else { return now >= nextTry ? .page : .nothing }
        if page.writer.isLost { return .replacement }
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
            var new = try PageWriter(layout, at: draftPath)
            if let old = page, !old.writer.isLost { new.takeEvents(from: old.writer) }
            new.write(eventWords: inheritedEvents)
            inheritedEvents = []
            retired = page
            page = Page(new)
        } catch {
            try? removeFile(draftPath)
            isFull = page != nil
            // Nobody shall take what another program has left for the present.
            if page == nil { try? removeFile(path) }
            return .failure(error)
        }
        isFull = false
        isMissing = false
        (serviceRoom, processRoom) = (layout.services.count, layout.processes.count)
        troubles = Array(repeating: nil, count: layout.services.count)
        return .success(())
    }

    /// The page before, until the new one has its name.
    private var retired: Page?

    private var draftPath: String { path + ".new" }

    /// The page is whole: readers find it from now on.
    package mutating func appear(now: Int64) throws(SystemError) {
        page?.writer.appear(now: now)
        defer { retired = nil }
        do throws(SystemError) {
            try renameFile(draftPath, to: path)
        } catch {
            page = nil
            isMissing = false
            try? removeFile(draftPath)
            throw error
        }
        retired?.writer.markSuperseded()
    }

    /// Somebody may have removed the file, or put another in its place: then it is time to make one, which takes the
    /// events over. Whether that is news. Costs a system call.
    mutating func look() -> Bool {
        nextTry = .min
        guard let page else { return false }
        if let found = try? facts(ofPath: path, followingLinks: false), page.writer.isFile(found) {
            isMissing = false
            return false
        }
        defer { isMissing = true }
        return !isMissing
    }

    /// Gives the page up; another one is made later.
    mutating func giveUp(now: Int64) {
        page = nil
        nextTry = now + Self.heartbeatMilliseconds
    }

    // MARK: what is told

    /// master is awake. Every now and then, the two clocks are told again, and somebody may have emptied the file.
    mutating func beat(now: Int64) -> Bool {
        page?.writer.beat(now: now)
        guard now >= nextClock else { return false }
        nextClock = now + Self.heartbeatMilliseconds
        return true
    }

    var isIntact: Bool { page?.writer.isIntact ?? false }

    mutating func write(_ counters: PolicyCounters, now: Int64, realTime: Int64) {
        (master.monotonicClock, master.realClock) = (now, realTime)
        for counter in MasterCounter.allCases {
            if let value = counters.value(counter) { master[counter] = value }
        }
        page?.writer.write(master)
    }

    /// Takes what the policy has to tell, and writes it down.
    ///
    /// - Parameters:
    ///   - reportsOnly: nothing happened but reports.
    ///   - texts: what a service is, if it is known.
    package mutating func tell(
        _ policy: inout Policy,
        reportsOnly: Bool,
        texts: (ServiceView, ServiceTrouble?) -> ServiceTexts?
    ) {
        // One access for all: each is checked at run time.
        if let page { tell(&page.writer, of: &policy, reportsOnly: reportsOnly, texts) }
    }

    private mutating func tell(
        _ page: inout PageWriter,
        of policy: inout Policy,
        reportsOnly: Bool,
        _ texts: (ServiceView, ServiceTrouble?) -> ServiceTexts?
    ) {
        while let (index, what) = policy.nextChangedService() {
            if index >= serviceRoom { continue }
            // Nobody sees the figures of one service under the name of another.
            if what.hasIdentity { vacate(&page, serviceRow: index) }
            if what.hasLoad { page.write(ServiceLoad(policy.line(at: index)), row: index) }
            if what.hasMoreThanLoad, let view = policy.view(at: index) {
                write(&page, view, policy.plainFigures(at: index), isNew: what.hasIdentity, row: index, texts)
            }
        }
        while let row = policy.nextVacatedRow() {
            if row < processRoom { page.write(ProcessOverview(), row: row) }
        }
        while let child = policy.nextNewChild() {
            if child.row < processRoom { page.write(ProcessOverview(child), row: child.row) }
        }
        page.withProcesses { rows in
            policy.takeChangedChildren { child in
                let (state, since, row) = (ProcessState(child.state), child.since.milliseconds, Int(child.row))
                if row < rows.count { rows.write(state, since: since, uses: UInt64(child.uses), row: row) }
            }
        }
        if reportsOnly { page.write(firstCounters: policy.counters.ofReports) } else { write(&page, policy.counters) }
    }

    private func write(_ page: inout PageWriter, _ counters: PolicyCounters) {
        let words = MasterCounter.allCases.map { counters.value($0) ?? master[$0] }
        page.write(counters: words.span)
    }

    private mutating func write(
        _ page: inout PageWriter,
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

    private mutating func vacate(_ page: inout PageWriter, serviceRow row: Int) {
        page.write(ServiceTexts(), row: row)
        troubles[row] = nil
    }

    /// The events of the page, as `PageWriter` keeps them.
    var eventWords: [Int64] { page.map { $0.writer.eventWords } ?? inheritedEvents }

    /// What happens from now on comes behind these events.
    mutating func goOn(behind events: [Int64], _ last: UInt64) { (inheritedEvents, lastEvent) = (events, last) }

    mutating func write(_ event: EventEntry) {
        var event = event
        lastEvent += 1
        event.number = lastEvent
        page?.writer.write(event)
    }
}
