//===----------------------------------------------------------------------===//
// Quartermaster: what master's pages say, in the forms that are asked for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import MasterOverview
import ServerSkeleton
import StatusPage
import SystemCalls
import WorkerPage

/// One answer.
struct View {
    /// Whether it is what was asked for, or the reason why that cannot be had.
    var isFine = true
    var type: StaticString
    var text: [UInt8]
}

/// Reads the pages, and keeps what they say for a moment, so that a crowd of clients costs no more than one.
struct Views {
    /// Below the queue directory, where a service works.
    private static let statusPath = "pid/master.status"
    /// How old an answer may be, in milliseconds.
    private static let longestAge: Int64 = 250

    private let hasMaster: Bool
    private var sight: Sight?
    private var trouble = ""
    private var readAt: Int64?
    // What was made of the pages since they were read.
    private var json: [UInt8]?
    private var openMetrics: [UInt8]?
    private var prometheus: [UInt8]?

    /// - Parameter hasMaster: false for a process that was started by hand.
    init(hasMaster: Bool) { self.hasMaster = hasMaster }

    // MARK: answers

    mutating func status(_ time: ServiceTime) -> View {
        refresh(time)
        let type: StaticString = "application/json"
        guard let sight else {
            return View(isFine: false, type: type, text: Array("{\"schema\":1,\"error\":\"\(trouble)\"}\n".utf8))
        }
        let text = json ?? Array((sight.json([.services, .processes, .events]) + "\n").utf8)
        json = text
        return View(type: type, text: text)
    }

    /// Where there is no page, a scraper is told that nothing is up: that is a figure, too.
    mutating func metrics(_ format: MetricsFormat, _ time: ServiceTime) -> View {
        refresh(time)
        switch format {
        case .openMetrics:
            let text = openMetrics ?? Array((sight?.metrics(.openMetrics) ?? Self.down + "# EOF\n").utf8)
            openMetrics = text
            return View(type: "application/openmetrics-text; version=1.0.0; charset=utf-8", text: text)
        case .prometheus:
            let text = prometheus ?? Array((sight?.metrics(.prometheus) ?? Self.down).utf8)
            prometheus = text
            return View(type: "text/plain; version=0.0.4; charset=utf-8", text: text)
        }
    }

    private static let down = """
        # HELP quartermaster_up Whether master is running and answers for what is told here.
        # TYPE quartermaster_up gauge
        quartermaster_up 0

        """

    mutating func readiness(_ time: ServiceTime) -> View {
        refresh(time)
        let type: StaticString = "text/plain; charset=utf-8"
        guard let sight else {
            return View(isFine: false, type: type, text: Array("not ready: \(trouble)\n".utf8))
        }
        // Nobody waits while another program of master is tried out.
        let isReady = sight.isCurrent && [.running, .upgrading].contains(sight.overview.master.state)
        let text = isReady ? "ready\n" : "not ready: master is \(sight.stateName)\n"
        return View(isFine: isReady, type: type, text: Array(text.utf8))
    }

    // MARK: reading

    private mutating func refresh(_ time: ServiceTime) {
        if let readAt, time.milliseconds - readAt < Self.longestAge { return }
        readAt = time.milliseconds
        (json, openMetrics, prometheus) = (nil, nil, nil)
        do throws(PageFileProblem) {
            let overview = try PageFile.read(Self.statusPath)
            let now = Clock.monotonicNanoseconds() / 1_000_000
            var sight = Sight(overview, now: now, life: life(ofMaster: overview.master.pid))
            // There may be one that another master left.
            let workers = try? WorkerReader.read(WorkerPage.path)
            if workers?.master == overview.master.pid { sight.workers = workers }
            let own = try? MetricsReader.read(MetricsPage.path)
            if own?.master == overview.master.pid { sight.own = own }
            self.sight = sight
        } catch {
            sight = nil
            trouble = error.shortText
        }
    }

    /// We end when our master does: a page that is not our parent's was left by a dead one.
    private func life(ofMaster pid: Int32) -> MasterLife {
        if hasMaster { return pid == getppid() ? .runs : .isGone }
        // A process of another user cannot be signalled, but is there.
        return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) ? .runs : .isGone
    }
}

extension PageFileProblem {
    /// Without anything that JSON would have to escape.
    fileprivate var shortText: String {
        switch self {
        case .cannotRead(let error) where error.code == .noSuchFileOrDirectory:
            "there is no pid/master.status: this master publishes none"
        case .cannotRead(let error): "cannot read pid/master.status: \(error.reason)"
        case .noPage(.foreign), .noPage(.noFile): "pid/master.status is no status page"
        case .noPage(.otherVersion(let version)): "pid/master.status is of version \(version), which is not known here"
        case .noPage(.damaged), .noPage(.cutOff): "pid/master.status is damaged"
        case .noPage(.superseded): "pid/master.status was replaced each time it was read"
        }
    }
}
