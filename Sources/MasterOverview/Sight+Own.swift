//===----------------------------------------------------------------------===//
// Quartermaster: what services count themselves, for programs and for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage
import WorkerPage

// MARK: JSON

extension Sight {
    /// The members `own` and `ownDropped`, where there is a page to tell of.
    ///
    /// - Parameter services: which services are told of; nil for all.
    func writeOwn(_ json: inout JSONText, only services: [ServiceOverview]?) {
        guard let own else { return }
        let wanted = services.map { Set($0.map(\.ownName)) }
        json.name("own")
        json.array(own.services.filter { wanted?.contains($0.name) ?? true }) { json, service in
            json.object { json in
                json.member("service", service.name)
                json.name("series")
                json.array(service.series) { json, series in json.object { write(series, &$0) } }
            }
        }
        json.member("ownDropped", own.dropped)
    }

    private func write(_ series: OwnSeries, _ json: inout JSONText) {
        json.member("name", series.name.text)
        json.member("kind", series.kind.name)
        json.name(series.kind == .summary ? "sum" : "value")
        if series.kind == .counter {
            json.value(series.integer)
        } else if series.real.isFinite {
            json.literal(text(series.real))
        } else {
            json.null()
        }
        if series.kind == .summary { json.member("count", series.count) }
    }
}

extension ServiceOverview {
    /// How its processes call it.
    var ownName: String { texts.name + "/" + texts.type }
}

// MARK: text

extension Sight {
    /// A line for each series of a service: its name, and what it is at.
    func ownLines(of service: ServiceOverview) -> [(String, String)] {
        (own?.service(service.ownName)?.series ?? []).map { series in
            switch series.kind {
            case .counter: (series.name.text, String(series.integer))
            case .sum, .gauge: (series.name.text, text(series.real))
            case .summary: (series.name.text, "\(series.count), \(text(series.real)) in all")
            }
        }
    }
}

// MARK: metrics

extension Sight {
    /// The families of services themselves, where there is a page to tell of. Services do not know of each other: where
    /// two would give one name to different things, that of the kind which comes first in `order` stays, and the other
    /// is left out, so that what is told can be read.
    func writeOwn(_ text: inout MetricsText) {
        guard let own else { return }
        var names: Set<String> = []
        var dropped = own.dropped
        let series = own.services.flatMap { service in
            serviceLabels(service.name).map { labels in service.series.map { Sample(series: $0, labels: labels) } }
                ?? []
        }
        for kind in Self.order {
            let families = Dictionary(grouping: series.filter { $0.kind == kind }, by: \.series.name.family)
            for (family, samples) in families.sorted(by: { $0.key < $1.key }) {
                let wanted = Self.names(family, kind)
                if names.isDisjoint(with: wanted) {
                    names.formUnion(wanted)
                    text.family("quartermaster_app_" + family, kind, "As a service counts it itself.")
                    dropped &+= write(samples, &text)
                } else {
                    dropped &+= UInt64(samples.count)
                }
            }
        }
        text.family("quartermaster_own_dropped_series", .gauge, "Series of services themselves that are not told.")
        text.sample([], text: String(dropped))
        text.family("quartermaster_own_refusals", .counter, "How often a process found no room for series of its own.")
        text.sample([], text: String(own.refused))
    }

    private struct Sample {
        let series: OwnSeries
        let labels: [(String, String)]

        var kind: MetricsText.Kind {
            switch series.kind {
            case .counter, .sum: .counter
            case .summary: .summary
            case .gauge: .gauge
            }
        }
    }

    private static let order: [MetricsText.Kind] = [.counter, .summary, .gauge]

    /// What a family may be called, or its samples.
    private static func names(_ family: String, _ kind: MetricsText.Kind) -> Set<String> {
        switch kind {
        case .counter: [family, family + "_total", family + "_created"]
        case .summary: [family, family + "_sum", family + "_count", family + "_created"]
        case .gauge, .info, .histogram: [family]
        }
    }

    /// How many were left out.
    private func write(_ samples: [Sample], _ text: inout MetricsText) -> UInt64 {
        var seen: Set<String> = []
        var dropped: UInt64 = 0
        for sample in samples {
            let series = sample.series
            let own = series.name.labels
            // One process of a service may count in whole numbers what another adds up.
            guard seen.insert("\(sample.labels[0].1)/\(sample.labels[1].1) \(own)").inserted else {
                dropped += 1
                continue
            }
            switch series.kind {
            case .counter: text.sample(sample.labels, own: own, text: String(series.integer))
            case .sum, .gauge: text.sample(sample.labels, own: own, text: self.text(series.real))
            case .summary:
                // With negative values in it, it would not only grow, and has to be left out.
                if series.real >= 0, series.real.isFinite {
                    text.sample(sample.labels, own: own, text: self.text(series.real), suffix: "_sum")
                }
                text.sample(sample.labels, own: own, text: String(series.count), suffix: "_count")
            }
        }
        return dropped
    }

    /// A number as Prometheus and JSON read it; the former also reads those that are not finite.
    private func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return String(whole) }
        return "\(number)"
    }
}
