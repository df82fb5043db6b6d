//===----------------------------------------------------------------------===//
// Quartermaster: what services have counted themselves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What services have counted themselves since master started. Whatever the page says, it is no more than so many
/// services with so many series.
package struct MetricsOverview: Equatable, Sendable {
    /// More than there can be in a page that nobody has made to mislead.
    package static let serviceLimit = 256
    package static let seriesLimit = 128
    /// Of all services together: what is made of them has a length that somebody can read.
    package static let sumLimit = 8192

    /// The pid of the master that made the page.
    package var master: Int32 = 0
    /// When it did, in milliseconds of CLOCK_MONOTONIC.
    package var made: Int64 = 0
    /// How often a process found no block in the page.
    package var refused: UInt64 = 0
    /// Series that are not in here: there was no room for them, or they are none.
    package var dropped: UInt64 = 0
    /// In the order of their names.
    package var services: [OwnFigures] = []

    package init() {}

    /// - Parameter name: `name/type` as in master.cf.
    package func service(_ name: String) -> OwnFigures? { services.first { $0.name == name } }

    /// How many series there are.
    fileprivate var sum: Int { services.reduce(0) { $0 + $1.series.count } }
}

/// The figures that a service keeps itself, of all its processes: the living and the gone.
package struct OwnFigures: Equatable, Sendable {
    /// `name/type` as in master.cf.
    package var name: String
    /// In the order of their names.
    package var series: [OwnSeries] = []

    package init(name: String) { self.name = name }

    package subscript(text: String) -> OwnSeries? { series.first { $0.name.text == text } }
}

/// One of them.
package struct OwnSeries: Equatable, Sendable {
    package var name: SeriesName
    package var kind: MetricKind
    /// Of a counter.
    package var integer: UInt64 = 0
    /// Of any other.
    package var real = 0.0
    /// Of a summary: how many values its sum is of.
    package var count: UInt64 = 0

    package init(_ name: SeriesName, _ kind: MetricKind) {
        self.name = name
        self.kind = kind
    }
}

extension MetricsOverview {
    /// Adds a record, whatever is in it.
    ///
    /// - Parameter words: kind, value, count, of the record.
    mutating func add(_ service: String, _ name: [UInt8], _ words: (kind: UInt64, value: UInt64, count: UInt64)) {
        if words.kind == 0 { return }
        guard let kind = MetricKind(rawValue: words.kind), let name = SeriesName(reading: name),
            let place = place(service, name, kind)
        else {
            dropped &+= 1
            return
        }
        var series = services[place.service].series[place.series]
        let value = Double(bitPattern: words.value)
        switch kind {
        case .counter: series.integer &+= words.value
        case .gauge: series.real += value
        case .sum: if value.isFinite, value > 0 { series.real += value }
        case .summary:
            if value.isFinite { series.real += value }
            series.count &+= words.count
        }
        services[place.service].series[place.series] = series
    }

    private mutating func place(
        _ service: String,
        _ name: SeriesName,
        _ kind: MetricKind
    ) -> (service: Int, series: Int)? {
        var index = services.firstIndex { $0.name == service }
        if index == nil {
            if services.count == Self.serviceLimit { return nil }
            services.append(OwnFigures(name: service))
            index = services.count - 1
        }
        guard let index else { return nil }
        if let series = services[index].series.firstIndex(where: { $0.name == name && $0.kind == kind }) {
            return (index, series)
        }
        if services[index].series.count == Self.seriesLimit || sum == Self.sumLimit { return nil }
        services[index].series.append(OwnSeries(name, kind))
        return (index, services[index].series.count - 1)
    }

    mutating func sort() {
        services.sort { $0.name < $1.name }
        for index in services.indices {
            services[index].series.sort { left, right in
                (left.name.family, left.name.labels, left.kind.rawValue)
                    < (right.name.family, right.name.labels, right.kind.rawValue)
            }
        }
    }
}
