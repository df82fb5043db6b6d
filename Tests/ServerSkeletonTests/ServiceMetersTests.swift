//===----------------------------------------------------------------------===//
// Quartermaster: tests of the figures that services keep themselves, and of swift-metrics over them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CoreMetrics
import Diagnostics
import Foundation
import ServiceMetrics
import SystemCalls
import TestSupport
import Testing
import WorkerPage

@testable import ServerSkeleton

@Suite("Figures of a service's own", .serialized) struct ServiceMetersTests {
    /// A page, and meters that count in it.
    private final class Scene {
        let home: TemporaryDirectory
        let meters: ServiceMeters
        var table: MetricsTable
        private let log: String

        init(hasPage: Bool = true) throws {
            home = try TemporaryDirectory("qm-meters")
            log = home.file("log")
            let path = home.file("page")
            table = try MetricsTable(at: path, owner: nil, master: 4711, nowMilliseconds: 0)
            let log = Log(ident: "test/service", host: "mx", destination: .file(log), waits: false)
            meters = ServiceMeters(ServiceLog(log))
            if hasPage { meters.publish(as: "own/unix", master: 4711, at: path) }
        }

        /// A process has room for few mappings, and meters keep theirs.
        deinit { try? meters.detach() }

        func figures() throws -> OwnFigures {
            try MetricsReader.read(home.file("page")).service("own/unix") ?? OwnFigures(name: "none")
        }

        /// What was logged, without what is before each text.
        func said() -> [String] {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").map { line in
                line.range(of: "]: ").map { String(line[$0.upperBound...]) } ?? String(line)
            }
        }
    }

    @Test("what is counted is in the page, once for each name with its labels")
    func counting() throws {
        let scene = try Scene()
        let requests = scene.meters.counter("requests", labels: [("kind", "a")])
        requests.add()
        requests.add(4)
        requests.add(0)
        requests.add(-3)
        scene.meters.counter("requests_total", labels: [("kind", "a")]).add(10)
        scene.meters.counter("requests", labels: [("kind", "b")]).add(7)
        let depth = scene.meters.gauge("depth")
        depth.set(4)
        depth.add(-1.5)
        let cost = scene.meters.sum("cost")
        for amount in [0.25, 0.5, -1, .nan, .infinity] { cost.add(amount) }
        let size = scene.meters.summary("size")
        for value in [1, 2.5, -0.5, .nan, .infinity] { size.record(value) }
        #expect(requests.value == 15 && depth.value == 2.5 && cost.value == 0.75 && size.sum == 3 && size.count == 3)
        let figures = try scene.figures()
        #expect(
            figures.series.map(\.name.text) == [
                "cost", "depth", #"requests{kind="a"}"#, #"requests{kind="b"}"#, "size",
            ]
        )
        #expect(figures[#"requests{kind="a"}"#]?.integer == 15 && figures[#"requests{kind="b"}"#]?.integer == 7)
        #expect(figures["depth"]?.real == 2.5 && figures["cost"]?.real == 0.75)
        #expect(figures["size"]?.real == 3 && figures["size"]?.count == 3)
        requests.reset()
        #expect(try scene.figures()[#"requests{kind="a"}"#]?.integer == 0)
        #expect(scene.said() == [])
    }

    @Test("without a page everything is counted as well, and nothing is said")
    func nowhere() throws {
        let scene = try Scene(hasPage: false)
        let counter = scene.meters.counter("requests")
        counter.add(3)
        #expect(counter.value == 3 && scene.meters.counter("requests").value == 3)
        #expect(try scene.figures().series.isEmpty && scene.said() == [])
    }

    @Test("more than 120 series, names that do not fit, and one name for two kinds count for nobody, and are told once")
    func limits() throws {
        let scene = try Scene()
        for _ in 0..<3 {
            for number in 0..<150 { scene.meters.counter("c", labels: [("number", "\(number)")]).add(1) }
            scene.meters.gauge("c").set(5)
            scene.meters.gauge("c", labels: [("number", "3")]).set(5)
            scene.meters.gauge(String(repeating: "x", count: 225)).set(1)
            scene.meters.summary("").record(1)
        }
        let figures = try scene.figures()
        #expect(figures.series.count == 120 && figures.series.allSatisfy { $0.integer == 3 && $0.kind == .counter })
        #expect(
            scene.said() == [
                "warning: a metric: this process has 120 series already -- what it counts is not shown",
                "warning: metric c: it is a counter already -- what it counts is not shown",
                "warning: metric \(String(repeating: "x", count: 225)): a name of more than 224 bytes with its labels, or"
                    + " none at all -- what it counts is not shown",
            ]
        )
    }

    @Test("threads that make and count the same series, and their own, lose nothing")
    func threads() throws {
        let scene = try Scene()
        let (threads, rounds) = (4, 2000)
        let done = DispatchSemaphore(value: 0)
        let meters = scene.meters
        for thread in 0..<threads {
            Thread.detachNewThread {
                for round in 0..<rounds {
                    meters.counter("shared", labels: [("round", "\(round % 20)")]).add()
                    meters.counter("own", labels: [("thread", "\(thread)")]).add()
                    meters.sum("amount").add(0.5)
                    meters.gauge("level").add(1)
                    meters.summary("size").record(2)
                }
                done.signal()
            }
        }
        for _ in 0..<threads { #expect(done.wait(timeout: .now() + 60) == .success) }
        let figures = try scene.figures()
        let all = UInt64(threads * rounds)
        #expect(figures.series.count == 20 + threads + 3)
        #expect(figures.series.filter { $0.name.family == "shared" }.reduce(0) { $0 + $1.integer } == all)
        for thread in 0..<threads { #expect(figures["own{thread=\"\(thread)\"}"]?.integer == UInt64(rounds)) }
        #expect(figures["amount"]?.real == Double(all) / 2 && figures["level"]?.real == Double(all))
        #expect(figures["size"]?.real == Double(2 * all) && figures["size"]?.count == all)
    }

    @Test("what another thread has to complain about is said by the service's own, at its next occasion")
    func otherThreads() throws {
        let scene = try Scene()
        let (meters, done) = (scene.meters, DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            meters.counter("").add()
            done.signal()
        }
        #expect(done.wait(timeout: .now() + 60) == .success)
        #expect(scene.said() == [])
        meters.counter("fine").add()
        #expect(scene.said().count == 1)
    }

    @Test("what swift-metrics counts is a series of the service: each kind, its name, its labels")
    func swiftMetrics() throws {
        let scene = try Scene()
        let factory = ServiceMetricsFactory(scene.meters)
        let counter = Counter(label: "http.requests", dimensions: [("method", "GET"), ("a-b", "c")], factory: factory)
        counter.increment(by: 4)
        counter.destroy()
        Counter(label: "http.requests", dimensions: [("a-b", "c"), ("method", "GET")], factory: factory).increment()
        FloatingPointCounter(label: "cpu", factory: factory).increment(by: 1.25)
        Gauge(label: "queue-depth", factory: factory).record(3)
        let meter = Meter(label: "level", factory: factory)
        meter.set(10)
        meter.increment(by: 0.5)
        meter.decrement()
        let recorder = Recorder(label: "size", factory: factory)
        recorder.record(5)
        recorder.record(2.5)
        let timer = Timer(label: "request.duration", factory: factory)
        timer.recordMilliseconds(1500)
        timer.recordSeconds(2)
        Timer(label: "wait_seconds", factory: factory).recordNanoseconds(500_000_000)
        let figures = try scene.figures()
        #expect(figures[#"http_requests{a_b="c",method="GET"}"#]?.integer == 5)
        #expect(figures["cpu"]?.real == 1.25 && figures["cpu"]?.kind == .sum)
        #expect(figures["queue_depth"]?.real == 3 && figures["queue_depth"]?.kind == .gauge)
        #expect(figures["level"]?.real == 9.5 && figures["level"]?.kind == .gauge)
        #expect(figures["size"]?.real == 7.5 && figures["size"]?.count == 2)
        #expect(figures["request_duration_seconds"]?.real == 3.5 && figures["request_duration_seconds"]?.count == 2)
        #expect(figures["wait_seconds"]?.real == 0.5 && figures.series.count == 7)
        counter.reset()
        #expect(try scene.figures()[#"http_requests{a_b="c",method="GET"}"#]?.integer == 0)
    }
}
