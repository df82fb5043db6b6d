//===----------------------------------------------------------------------===//
// Quartermaster: ServiceMetrics, swift-metrics over the figures of a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CoreMetrics
public import ServerSkeleton

/// Lets code that counts through swift-metrics count for its service, for authors who link this product. In the
/// service's `init`:
///
///     ServiceMetricsFactory.bootstrap(context.meters)
///
/// A counter of either kind becomes a counter; a gauge, meter, or recorder that does not aggregate, a gauge; a recorder
/// or timer a summary, that is, a sum and a count. Timers tell seconds, and get `_seconds` at the end of their names.
/// Dots, dashes and whatever else Prometheus does not take become `_`; dimensions become labels. A label and dimensions
/// that are used again mean the same series, and one that is destroyed stays as it is until the process ends.
///
/// Any thread may count.
public struct ServiceMetricsFactory: MetricsFactory {
    private let meters: ServiceMeters

    /// - Parameter meters: from `ServiceContext.meters`.
    public init(_ meters: ServiceMeters) { self.meters = meters }

    /// Whatever swift-metrics counts from now on is counted here. Once in a process, as `MetricsSystem.bootstrap`.
    public static func bootstrap(_ meters: ServiceMeters) { MetricsSystem.bootstrap(ServiceMetricsFactory(meters)) }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        CountingHandler(meters.counter(label, labels: dimensions))
    }

    public func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        SummingHandler(meters.sum(label, labels: dimensions))
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        GaugeHandler(meters.gauge(label, labels: dimensions))
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate
            ? RecordingHandler(meters.summary(label, labels: dimensions))
            : GaugeHandler(meters.gauge(label, labels: dimensions))
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let unit = "_seconds"
        let name = label.hasSuffix(unit) ? label : label + unit
        return RecordingHandler(meters.summary(name, labels: dimensions))
    }

    // A series stays where it is: others may count in it.

    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}

private final class CountingHandler: CounterHandler {
    private let counter: ServiceCounter
    init(_ counter: ServiceCounter) { self.counter = counter }

    func increment(by amount: Int64) { counter.add(Int(amount)) }
    func reset() { counter.reset() }
}

private final class SummingHandler: FloatingPointCounterHandler {
    private let sum: ServiceSum
    init(_ sum: ServiceSum) { self.sum = sum }

    func increment(by amount: Double) { sum.add(amount) }
    func reset() { sum.reset() }
}

private final class GaugeHandler: MeterHandler, RecorderHandler {
    private let gauge: ServiceGauge
    init(_ gauge: ServiceGauge) { self.gauge = gauge }

    func set(_ value: Int64) { gauge.set(Double(value)) }
    func set(_ value: Double) { gauge.set(value) }
    func increment(by amount: Double) { if amount.isFinite { gauge.add(amount) } }
    func decrement(by amount: Double) { if amount.isFinite { gauge.add(-amount) } }
    func record(_ value: Int64) { gauge.set(Double(value)) }
    func record(_ value: Double) { gauge.set(value) }
}

private final class RecordingHandler: RecorderHandler, TimerHandler {
    private let summary: ServiceSummary
    init(_ summary: ServiceSummary) { self.summary = summary }

    func record(_ value: Int64) { summary.record(Double(value)) }
    func record(_ value: Double) { summary.record(value) }
    func recordNanoseconds(_ duration: Int64) { summary.record(Double(duration) / 1e9) }
}
