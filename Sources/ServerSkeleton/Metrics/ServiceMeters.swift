//===----------------------------------------------------------------------===//
// Quartermaster: the figures that a service keeps itself
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls
import WorkerPage

/// Makes counters, gauges and summaries of a service's own, which exporter(8) shows for as long as master runs: counts
/// of all processes of the service together, those that have ended included; gauges of the living. From
/// `ServiceContext.meters`; may be kept, and used by any thread at any time. Making one takes a lock and memory, what
/// is made takes neither.
///
/// The same name with the same labels gives the same series again. What Prometheus does not take in a name becomes `_`,
/// and a `_total` at its end is left out, since the exporter puts it there. A process has 120 series at most, each of
/// 224 bytes with its name and labels; whatever does not fit, or has the name of another kind, is counted for nobody,
/// after a warning. So it is without our master.
public final class ServiceMeters: @unchecked Sendable {
    private let lock = ThreadLock()
    /// Behind the lock.
    private var state = State()
    private let thread = ThreadIdentity.current
    // Of the thread that made this object; others leave their words to it.
    private let log: ServiceLog

    fileprivate struct State {
        /// Where this process may have blocks of master's page; nil for nowhere.
        var place: Place?
        var blocks: [BlockBox] = []
        var series: [String: MetricCell] = [:]
        var kinds: [String: MetricKind] = [:]
        /// For whatever finds no room. Nobody reads it.
        var nowhere: MetricCell?
        /// What is to be said, and whether an administrator can do something about it.
        var pending: [(text: String, isWarning: Bool)] = []
        /// Names that were complained about.
        var complaints: Set<String> = []
    }

    fileprivate struct Place {
        let service: String
        let master: Int32
        let path: String
    }

    /// Blocks are never given back: what was made of them is used until the process ends.
    fileprivate final class BlockBox {
        var block: MetricBlock
        init(_ block: consuming MetricBlock) { self.block = block }
    }

    fileprivate static let longestComplaints = 16

    init(_ log: ServiceLog) { self.log = log }

    /// From now on, what is made is seen by others, if there is a page.
    ///
    /// - Parameter service: `name/type` as in master.cf.
    func publish(as service: String, master: Int32, at path: String = MetricsPage.path) {
        lock.held { state.place = Place(service: service, master: master, path: path) }
    }

    /// In a child that finishes the clients of this process: what is counted from now on is seen by nobody. What was
    /// made before may be used as before.
    func detach() throws(SystemError) {
        lock.open()
        var failure: SystemError?
        lock.held {
            state.place = nil
            for box in state.blocks {
                do throws(SystemError) { try box.block.detach() } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    // MARK: what is made

    /// What only grows, one at a time or several.
    ///
    /// - Parameter labels: names and values; those with an empty value are left out.
    public func counter(_ name: String, labels: [(String, String)] = []) -> ServiceCounter {
        ServiceCounter(cell(Self.withoutTotal(name), labels, .counter).value)
    }

    /// What only grows, by any amount.
    public func sum(_ name: String, labels: [(String, String)] = []) -> ServiceSum {
        ServiceSum(cell(Self.withoutTotal(name), labels, .sum).value)
    }

    /// What goes up and down. Those of all processes are added up.
    public func gauge(_ name: String, labels: [(String, String)] = []) -> ServiceGauge {
        ServiceGauge(cell(name, labels, .gauge).value)
    }

    /// How often something was observed, and the sum of what was observed.
    public func summary(_ name: String, labels: [(String, String)] = []) -> ServiceSummary {
        let cell = cell(name, labels, .summary)
        return ServiceSummary(sum: cell.value, count: cell.count)
    }

    private static func withoutTotal(_ name: String) -> String {
        let end = "_total"
        return name.hasSuffix(end) ? String(name.dropLast(end.count)) : name
    }

    private func cell(_ name: String, _ labels: [(String, String)], _ kind: MetricKind) -> MetricCell {
        let isOurs = ThreadIdentity.current == thread
        let (cell, words) = lock.held { () -> (MetricCell, [(text: String, isWarning: Bool)]) in
            let cell = state.cell(name, labels, kind)
            if !isOurs || state.pending.isEmpty { return (cell, []) }
            defer { state.pending = [] }
            return (cell, state.pending)
        }
        for (text, isWarning) in words { isWarning ? log.warning(text) : log.verbose(1, text) }
        return cell
    }
}

extension ServiceMeters.State {
    mutating func cell(_ name: String, _ labels: [(String, String)], _ kind: MetricKind) -> MetricCell {
        guard let series = SeriesName(name, labels: labels) else {
            return none(name, "a name of more than 224 bytes with its labels, or none at all")
        }
        if let known = kinds[series.family], known != kind { return none(name, "it is a \(known.name) already") }
        if let cell = self.series[series.text] { return cell }
        guard let cell = fresh(series, kind) else {
            return none("", "this process has \(self.series.count) series already")
        }
        self.series[series.text] = cell
        kinds[series.family] = kind
        return cell
    }

    private mutating func fresh(_ name: SeriesName, _ kind: MetricKind) -> MetricCell? {
        if let cell = blocks.last?.block.add(name, kind) { return cell }
        if blocks.count == MetricsPage.blocksPerProcess { return nil }
        let box = ServiceMeters.BlockBox(takeBlock())
        // Whoever was given a place in it may be there when nobody knows this object any more.
        _ = unsafe Unmanaged.passRetained(box)
        blocks.append(box)
        return box.block.add(name, kind)
    }

    private mutating func takeBlock() -> MetricBlock {
        guard let place else { return MetricBlock() }
        do throws(WorkerPageProblem) {
            return try MetricBlock(at: place.path, service: place.service, pid: processID(), master: place.master)
        } catch {
            // Where there is no page, master has said why.
            let text = "\(MetricsPage.path): \(error.reason) -- figures of this process are not shown"
            pending.append((text, isWarning: error == .full || error.isFullDisk))
            return MetricBlock()
        }
    }

    private mutating func none(_ name: String, _ why: String) -> MetricCell {
        if complaints.count < ServiceMeters.longestComplaints, complaints.insert(name).inserted {
            let what = name.isEmpty ? "a metric" : "metric \(name)"
            pending.append(("\(what): \(why) -- what it counts is not shown", isWarning: true))
        }
        if let nowhere { return nowhere }
        let box = ServiceMeters.BlockBox(MetricBlock())
        // As above.
        _ = unsafe Unmanaged.passRetained(box)
        guard let name = SeriesName("nowhere"), let cell = box.block.add(name, .summary) else {
            preconditionFailure("a new block has no room")
        }
        nowhere = cell
        return cell
    }
}

extension ServiceContext {
    /// A counter of this service's own, which exporter(8) shows as `quartermaster_app_<name>_total`. To be made once
    /// and kept; see `ServiceMeters`.
    public func counter(_ name: String, labels: [(String, String)] = []) -> ServiceCounter {
        meters.counter(name, labels: labels)
    }

    /// A gauge of this service's own, which exporter(8) shows as `quartermaster_app_<name>`. To be made once and kept;
    /// see `ServiceMeters`.
    public func gauge(_ name: String, labels: [(String, String)] = []) -> ServiceGauge {
        meters.gauge(name, labels: labels)
    }
}
