//===----------------------------------------------------------------------===//
// Quartermaster: a chart as SVG
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// Lines over two axes. Colours are the page's classes `c0` to `c5`.
struct Chart {
    struct Line {
        var name: String
        var points: [(x: Double, y: Double)]
        /// What a pointer over the point shows; empty: no marks.
        var labels: [String] = []
    }

    /// Read aloud in place of the picture.
    var title: String
    var x: Axis
    var y: Axis
    var lines: [Line]

    private static let (width, height) = (760.0, 280.0)
    private static let (left, right, top, bottom) = (70.0, 740.0, 34.0, 240.0)

    var svg: String {
        let parts = horizontalGrid + verticalGrid + axisNames + lines.enumerated().flatMap { drawn($1, $0) } + key
        let box = "0 0 \(fixed(Self.width, 0)) \(fixed(Self.height, 0))"
        return "<svg viewBox=\"\(box)\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n"
            + "<title>\(Markup.escaped(title))</title>\n" + parts.map { $0 + "\n" }.joined() + "</svg>\n"
    }

    private func placeX(_ value: Double) -> Double { Self.left + x.place(value) * (Self.right - Self.left) }

    private func placeY(_ value: Double) -> Double { Self.bottom - y.place(value) * (Self.bottom - Self.top) }

    private var horizontalGrid: [String] {
        y.ticks.map { tick in
            let place = fixed(placeY(tick.value), 1)
            return "<path class=\"grid\" d=\"M\(fixed(Self.left, 0)) \(place)H\(fixed(Self.right, 0))\"/>"
                + text(tick.label, x: Self.left - 8, y: placeY(tick.value) + 4, anchor: "end")
        }
    }

    private var verticalGrid: [String] {
        x.ticks.map { tick in
            let place = fixed(placeX(tick.value), 1)
            return "<path class=\"grid\" d=\"M\(place) \(fixed(Self.top, 0))V\(fixed(Self.bottom, 0))\"/>"
                + text(tick.label, x: placeX(tick.value), y: Self.bottom + 17, anchor: "middle")
        }
    }

    private var axisNames: [String] {
        [
            text(x.name, x: Self.right, y: Self.bottom + 34, anchor: "end"),
            text(y.name, x: Self.left - 8, y: 16, anchor: "end"),
        ]
    }

    private func drawn(_ line: Line, _ index: Int) -> [String] {
        let look = "c\(index % 6)"
        let places = line.points.map { (fixed(placeX($0.x), 1), fixed(placeY($0.y), 1)) }
        let path = places.enumerated().map { ($0 == 0 ? "M" : "L") + "\($1.0) \($1.1)" }.joined()
        // The seventh line and those behind it are dashed.
        let dashes = index < 6 ? "" : " stroke-dasharray=\"5 3\""
        let marks = zip(places, line.labels).map { place, label in
            "<circle class=\"\(look)\" cx=\"\(place.0)\" cy=\"\(place.1)\" r=\"2.5\">"
                + "<title>\(Markup.escaped(label))</title></circle>"
        }
        return places.isEmpty ? [] : ["<path class=\"line \(look)\"\(dashes) d=\"\(path)\"/>"] + marks
    }

    /// Names beside a piece of their line, as many as fit in the row above the chart.
    private var key: [String] {
        var start = Self.left + 10
        var parts: [String] = []
        for (index, line) in lines.enumerated() {
            let end = start + 30 + Double(line.name.count) * 7.5
            if end > Self.right { break }
            parts.append("<path class=\"line c\(index % 6)\" d=\"M\(fixed(start, 0)) 12h18\"/>")
            parts.append(text(line.name, x: start + 24, y: 16, anchor: "start", look: "key"))
            start = end + 10
        }
        return parts
    }

    private func text(_ text: String, x: Double, y: Double, anchor: String, look: String? = nil) -> String {
        let look = look.map { " class=\"\($0)\"" } ?? ""
        return "<text\(look) x=\"\(fixed(x, 1))\" y=\"\(fixed(y, 1))\" text-anchor=\"\(anchor)\">"
            + "\(Markup.escaped(text))</text>"
    }
}
