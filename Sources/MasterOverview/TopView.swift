//===----------------------------------------------------------------------===//
// Quartermaster: services at work, sorted, as a picture for a terminal
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage
package import TerminalText

/// What `masterctl top` shows. It is given a look at master now and then, and keys; it makes lines and touches no
/// terminal.
package struct TopView: Sendable {
    package enum Order: String, CaseIterable, Sendable {
        case utilisation, queue, rate, name
    }

    package var style: LiveStyle
    /// Two looks have no last minute.
    package var showsHistory = true
    package private(set) var order = Order.utilisation
    /// Only services with this in their name.
    package private(set) var filter = ""
    /// Keys go into the filter.
    package private(set) var isTyping = false
    private var showsTroubleOnly = false
    private var sight: Sight?
    private var rows: [Row] = []

    private struct Row: Sendable {
        var service: ServiceOverview
        var name: String
        var rates: ServiceRates
        /// Utilisation and uses a second, the newest last.
        var history: [Double] = []
        var verdict: Verdict
    }

    private static let historyLength = 60

    package init(style: LiveStyle) { self.style = style }

    // MARK: what happens

    package mutating func look(_ new: Sight) {
        let old = sight
        rows = new.overview.services.map { service in
            let before = rows.first { $0.service.row == service.row && $0.service.texts.life == service.texts.life }
            let rates = old.flatMap { old in
                before.flatMap {
                    ServiceRates(from: $0.service, at: old.shownMoment, to: service, at: new.shownMoment)
                }
            }
            var row = Row(
                service: service,
                name: new.name(of: service),
                rates: rates ?? ServiceRates(service),
                history: before?.history ?? [],
                verdict: Verdict(service, in: new)
            )
            if let rates { row.history.append(rates.uses) }
            if row.history.count > Self.historyLength { row.history.removeFirst() }
            return row
        }
        sight = new
    }

    package enum Answer: Sendable { case redraw, quit, suspend }

    /// A key, or a byte of one.
    package mutating func press(_ key: UInt8) -> Answer {
        switch (key, isTyping) {
        case (3, _): return .quit
        case (26, _): return .suspend
        case (13, true), (10, true): isTyping = false
        case (27, _): (filter, isTyping, showsTroubleOnly) = ("", false, false)
        case (8, true), (127, true): if !filter.isEmpty { filter.removeLast() }
        case (33...126, true): if filter.utf8.count < 40 { filter.append(Character(UnicodeScalar(key))) }
        case (_, true): break
        case (UInt8(ascii: "q"), false), (4, false): return .quit
        case (UInt8(ascii: "u"), false): order = .utilisation
        case (UInt8(ascii: "w"), false): order = .queue
        case (UInt8(ascii: "r"), false): order = .rate
        case (UInt8(ascii: "n"), false): order = .name
        case (UInt8(ascii: "t"), false): showsTroubleOnly.toggle()
        case (UInt8(ascii: "/"), false): (filter, isTyping) = ("", true)
        default: break
        }
        return .redraw
    }

    // MARK: the picture

    /// - Parameter height: how many lines there are; nil for as many as it takes.
    package func lines(height: Int? = nil) -> [LiveLine] {
        guard let sight else { return [] }
        let shown = sorted(rows.filter { isWanted($0) })
        var lines = [heading(sight), trouble(sight), titles()]
        let room = height.map { max($0 - lines.count - 1, 1) } ?? shown.count
        lines += shown.prefix(room).map { line($0) }
        if shown.isEmpty, !rows.isEmpty { lines.append(nothingToShow) }
        if let height {
            while lines.count < height - 1 { lines.append(LiveLine(columns: style.columns)) }
            lines.append(footer(hidden: shown.count - min(room, shown.count)))
        }
        return lines
    }

    private var nothingToShow: LiveLine {
        var line = LiveLine(columns: style.columns)
        line.add(showsTroubleOnly ? "nothing is in trouble; t shows all services" : "no service has that name", .dim)
        return line
    }

    private func isWanted(_ row: Row) -> Bool {
        (filter.isEmpty || row.name.utf8.contains(filter.utf8)) && (!showsTroubleOnly || row.verdict.isTrouble)
    }

    private func sorted(_ rows: [Row]) -> [Row] {
        rows.sorted { left, right in
            let (first, second) =
                switch order {
                case .utilisation: (left.rates.utilisation, right.rates.utilisation)
                case .queue: (Double(waiting(left) ?? 0), Double(waiting(right) ?? 0))
                case .rate: (left.rates.uses, right.rates.uses)
                case .name: (0, 0)
                }
            if first != second { return first > second }
            // What is in trouble before what has nothing to do.
            if order != .name, left.verdict.isTrouble != right.verdict.isTrouble { return left.verdict.isTrouble }
            return order == .name ? left.name < right.name : left.service.row < right.service.row
        }
    }

    private func waiting(_ row: Row) -> Int32? { sight.flatMap { row.service.waiting(at: $0.shownMoment) } }

    private func heading(_ sight: Sight) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        let master = sight.overview.master
        line.add("master \(printable(master.version))", .bold)
        line.addWhole("  pid \(master.pid)  ")
        line.addWhole(sight.stateName, sight.isCurrent ? .green : .red)
        line.addWhole("  up \(span(sight.shownMoment - master.started))")
        let processes = rows.reduce(0) { $0 + Int($1.service.total) }
        line.addWhole("  \(counted(rows.count, "service")), \(counted(processes, "process", "processes"))")
        line.addWhole("  \(short(rows.reduce(0) { $0 + $1.rates.uses })) uses/s")
        return line
    }

    private func trouble(_ sight: Sight) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        if let warning = sight.warning {
            line.add(warning, .red)
        } else {
            let count = rows.count { $0.verdict.isTrouble }
            switch count {
            case 0: line.add("every service takes clients", .dim)
            case 1: line.add("1 service keeps clients waiting", .yellow)
            default: line.add("\(count) services keep clients waiting", .yellow)
            }
        }
        line.addWhole("  by \(order.rawValue)", .dim)
        if showsTroubleOnly { line.addWhole("  trouble only", .bold) }
        if !filter.isEmpty { line.addWhole("  filter: \(filter)", .bold) }
        return line
    }

    private static let nameWidth = 22
    /// The state comes before pictures: what has no room beside some words of it is left out.
    private var barWidth: Int { style.columns >= 96 ? 10 : 0 }
    private var sparkWidth: Int {
        showsHistory && style.columns >= 116 ? max(min(style.columns - 115, Self.historyLength), 11) : 0
    }

    private func titles() -> LiveLine {
        var line = LiveLine(columns: style.columns)
        let util = barWidth > 0 ? "UTIL".padded(barWidth + 6) : "UTIL".leading(5) + " "
        line.add(
            "SERVICE".padded(Self.nameWidth) + util + "BUSY".leading(6)
                + "/LIMIT".padded(7) + "WAIT".leading(5) + "USES/s".leading(8) + "  ",
            .dim
        )
        if sparkWidth > 0 { line.add("LAST MINUTE".padded(sparkWidth) + "  ", .dim) }
        line.addWhole("STATE", .dim)
        return line
    }

    private func line(_ row: Row) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        let (load, counts) = (row.service.load, row.service.counts)
        let name = printable(row.name)
        line.add(
            (name.count > Self.nameWidth - 1 ? String(name.prefix(Self.nameWidth - 2)) + "~" : name).padded(
                Self.nameWidth
            )
        )
        let share = row.rates.utilisation
        let look: LiveLine.Look = share >= 0.95 ? .red : share >= 0.7 ? .yellow : .green
        line.add(bar(share), look)
        line.add((fixed(share * 100, 0) + "%").leading(5) + " ", barWidth > 0 ? .plain : look)
        line.add(
            "\(load.busy)".leading(6) + "/" + (counts.processLimit == 0 ? "-" : "\(counts.processLimit)").padded(6)
        )
        let waiting = waiting(row)
        line.add((waiting.map { "\($0)" } ?? "?").leading(5), row.verdict.isTrouble && waiting != 0 ? .red : .plain)
        line.add(short(row.rates.uses).leading(8) + "  ")
        if sparkWidth > 0 {
            let spark = SparkLine.text(row.history, columns: sparkWidth, unicode: style.hasUnicode)
            line.add(spark.padded(sparkWidth) + "  ", .green)
        }
        let state =
            row.verdict.isTrouble && row.verdict.headline.count <= line.room
            ? row.verdict.headline : row.verdict.brief
        line.add(printable(state), row.verdict.isTrouble ? .yellow : .dim)
        return line
    }

    private func bar(_ share: Double) -> String {
        let filled = min(Int((share * Double(barWidth)).rounded()), barWidth)
        let (full, empty) = style.hasUnicode ? ("█", "·") : ("#", ".")
        return String(repeating: full, count: filled) + String(repeating: empty, count: barWidth - filled)
    }

    private func footer(hidden: Int) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        if isTyping {
            line.add("filter: \(filter)_", .bold)
            line.addWhole("   Enter keeps it, Escape drops it", .dim)
            return line
        }
        if hidden > 0 { line.add("\(hidden) more  ") }
        line.add("sort: u utilisation w waiting r rate n name  t trouble / filter q quit", .dim)
        return line
    }
}

extension String {
    /// With spaces behind it, at least one column apart from what follows.
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(width - count, 0)) }
    fileprivate func leading(_ width: Int) -> String { String(repeating: " ", count: max(width - count, 0)) + self }
}

extension String.UTF8View {
    fileprivate func contains(_ part: String.UTF8View) -> Bool {
        let (whole, part) = (Array(self), Array(part))
        if part.isEmpty { return true }
        guard whole.count >= part.count else { return false }
        return (0...whole.count - part.count).contains { whole[$0..<$0 + part.count].elementsEqual(part) }
    }
}
