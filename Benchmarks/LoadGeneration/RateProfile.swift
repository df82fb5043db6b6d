//===----------------------------------------------------------------------===//
// Quartermaster: how the rate of an open loop changes over time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Intended starts a second as a function of time: straight lines between points, the last rate for ever. It says when
/// the n-th exchange is meant to begin, whether or not a client is free then.
package struct RateProfile: Equatable, Sendable {
    package struct Point: Equatable, Sendable {
        package let seconds: Double
        package let rate: Double

        package init(_ seconds: Double, _ rate: Double) {
            self.seconds = seconds
            self.rate = rate
        }
    }

    /// One straight line, and how many starts lie before it.
    private struct Line: Equatable, Sendable {
        let begin: Double
        let length: Double
        let rate: Double
        let endRate: Double
        let startsBefore: Double

        var starts: Double { length == .infinity ? .infinity : (rate + endRate) / 2 * length }

        /// Seconds from `begin` until `count` starts of this line are due; `count` is below `starts`.
        func seconds(until count: Double) -> Double {
            if count <= 0 { return 0 }
            let slope = length == .infinity ? 0 : (endRate - rate) / length
            // The positive root of rate·t + slope/2·t² = count, in a form that bears a slope or a rate of zero.
            return 2 * count / (rate + (rate * rate + 2 * slope * count).squareRoot())
        }
    }

    private let lines: [Line]
    /// As the command line named it.
    package let description: String

    /// - Parameter points: at least one; seconds do not decrease, and two at the same second make a jump.
    package init(_ points: [Point], description: String) {
        precondition(!points.isEmpty)
        var lines: [Line] = []
        var before = 0.0
        func add(_ begin: Double, _ length: Double, _ rate: Double, _ endRate: Double) {
            let line = Line(begin: begin, length: length, rate: rate, endRate: endRate, startsBefore: before)
            lines.append(line)
            before += line.starts
        }
        if points[0].seconds > 0 { add(0, points[0].seconds, points[0].rate, points[0].rate) }
        for (point, next) in zip(points, points.dropFirst()) where next.seconds > point.seconds {
            add(point.seconds, next.seconds - point.seconds, point.rate, next.rate)
        }
        let last = points[points.count - 1]
        add(last.seconds, .infinity, last.rate, last.rate)
        self.lines = lines
        self.description = description
    }

    package init(constant rate: Double) { self.init([Point(0, rate)], description: "constant") }

    /// Intended starts a second at the beginning.
    package var firstRate: Double { lines[0].rate }

    /// Starts meant to happen before `seconds`.
    package func starts(before seconds: Double) -> Int {
        guard let line = lines.last(where: { $0.begin <= seconds }) else { return 0 }
        let time = min(seconds - line.begin, line.length)
        let slope = line.length == .infinity ? 0 : (line.endRate - line.rate) / line.length
        return Int((line.startsBefore + line.rate * time + slope / 2 * time * time).rounded(.up))
    }

    /// Reads out when the starts are due, one after the other; `line` remembers where the last one was.
    ///
    /// - Returns: nanoseconds from the beginning; nil when there is no such start, because the rate stays zero.
    func nanoseconds(ofStart index: Int, line: inout Int) -> Int64? {
        let count = Double(index)
        while line < lines.count - 1, count >= lines[line].startsBefore + lines[line].starts { line += 1 }
        let current = lines[line]
        let within = count - current.startsBefore
        if line == lines.count - 1, current.rate <= 0 { return nil }
        let seconds = current.begin + current.seconds(until: within)
        return seconds < 1e9 ? Int64(seconds * 1e9) : nil
    }

    /// When start `index` is due, in seconds; for tests and plots.
    package func seconds(ofStart index: Int) -> Double? {
        var line = 0
        return nanoseconds(ofStart: index, line: &line).map { Double($0) / 1e9 }
    }
}
