//===----------------------------------------------------------------------===//
// Quartermaster: rate profiles as text
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadReports

extension RateProfile {
    /// What cannot be read, in words for the person who typed it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// No thread begins more than this.
    package static let highestRate = 10_000_000.0
    private static let mostSteps = 10_000

    /// `ramp:A..B/Ts`, `step:A,+B/Ts` or `spike:A..B/Ts@Ts`; nil when the text names none of these (a file, perhaps).
    package static func parse(_ text: String) throws(Problem) -> RateProfile? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let rest = text[text.index(after: colon)...]
        switch text[..<colon] {
        case "ramp": return RateProfile(try ramp(rest), description: text)
        case "step": return RateProfile(try step(rest), description: text)
        case "spike": return RateProfile(try spike(rest), description: text)
        default: return nil
        }
    }

    /// Lines of two numbers, seconds and rate; empty lines and what follows a `#` do not count.
    package static func parse(lines text: String, name: String) throws(Problem) -> RateProfile {
        var points: [Point] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            if words.isEmpty { continue }
            guard words.count == 2, let seconds = Double(words[0]), (0...86_400).contains(seconds),
                let rate = Double(words[1]), (0...highestRate).contains(rate)
            else {
                throw Problem(
                    description: "\(name): line \(number + 1): expected seconds and a rate, such as \"2.5 1000\""
                )
            }
            if let last = points.last, seconds < last.seconds {
                throw Problem(description: "\(name): line \(number + 1): earlier than the line before it")
            }
            points.append(Point(seconds, rate))
        }
        guard points.contains(where: { $0.rate > 0 }) else { throw Problem(description: "\(name): no rate above zero") }
        return RateProfile(points, description: name)
    }

    private static func ramp(_ text: Substring) throws(Problem) -> [Point] {
        let wanted = "ramp:FROM..TO/SECONDSs, such as ramp:0..50000/10s"
        let parts = try split(text, at: "/", wanted)
        let (from, to) = try range(parts.0, wanted)
        return [Point(0, from), Point(try seconds(parts.1, wanted), to)]
    }

    private static func step(_ text: Substring) throws(Problem) -> [Point] {
        let wanted = "step:FIRST,+MORE/SECONDSs, such as step:1000,+1000/2s"
        let parts = try split(text, at: "/", wanted)
        let rates = try split(parts.0, at: ",", wanted)
        guard rates.1.first == "+" else { throw Problem(description: "expected \(wanted)") }
        let (first, more) = (try rate(rates.0, wanted), try rate(rates.1.dropFirst(), wanted))
        let length = try seconds(parts.1, wanted)
        if first + more == 0 { throw Problem(description: "no rate above zero; expected \(wanted)") }
        var points = [Point(0, first)]
        for index in 1...mostSteps {
            let (time, next) = (Double(index) * length, first + Double(index) * more)
            if time > 86_400 || next > highestRate || more == 0 { break }
            points += [Point(time, points[points.count - 1].rate), Point(time, next)]
        }
        return points
    }

    private static func spike(_ text: Substring) throws(Problem) -> [Point] {
        let wanted = "spike:USUAL..PEAK/SECONDSs@STARTs, such as spike:1000..50000/0.5s@5s"
        let parts = try split(text, at: "/", wanted)
        let (usual, peak) = try range(parts.0, wanted)
        let times = try split(parts.1, at: "@", wanted)
        let (length, start) = (try seconds(times.0, wanted), try seconds(times.1, wanted))
        return [
            Point(0, usual), Point(start, usual), Point(start, peak), Point(start + length, peak),
            Point(start + length, usual),
        ]
    }

    // MARK: words

    private static func split(
        _ text: Substring,
        at separator: Character,
        _ wanted: String
    ) throws(Problem) -> (Substring, Substring) {
        guard let place = text.firstIndex(of: separator) else { throw Problem(description: "expected \(wanted)") }
        return (text[..<place], text[text.index(after: place)...])
    }

    private static func range(_ text: Substring, _ wanted: String) throws(Problem) -> (Double, Double) {
        guard let dots = text.firstRange(of: "..") else { throw Problem(description: "expected \(wanted)") }
        let (from, to) = (try rate(text[..<dots.lowerBound], wanted), try rate(text[dots.upperBound...], wanted))
        if from + to == 0 { throw Problem(description: "no rate above zero; expected \(wanted)") }
        return (from, to)
    }

    private static func rate(_ text: Substring, _ wanted: String) throws(Problem) -> Double {
        guard let rate = try? UnitTable.rate.read(text).value, rate <= highestRate else {
            throw Problem(
                description: "\"\(text)\" is no rate, a number such as 500 or 10k, up to 10M; expected \(wanted)"
            )
        }
        return rate
    }

    private static func seconds(_ text: Substring, _ wanted: String) throws(Problem) -> Double {
        guard let time = try? UnitTable.time.read(text).value, (1e6...86_400e9).contains(time) else {
            throw Problem(description: "\"\(text)\" is no time, from 1ms to 24h; expected \(wanted)")
        }
        return time / 1e9
    }
}
