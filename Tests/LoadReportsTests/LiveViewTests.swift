//===----------------------------------------------------------------------===//
// Quartermaster: the live view, on a small terminal of our own
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadReports
import TerminalText
import Testing

/// Knows the few commands that the view uses, and wraps long lines as terminals do.
private struct Screen {
    private(set) var rows: [[Character]] = [[]]
    private var (row, column) = (0, 0)
    let columns: Int
    private(set) var unknown: [String] = []

    init(columns: Int) { self.columns = columns }

    var lines: [String] {
        var lines = rows.map { String($0).trimmingSuffix(" ") }
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    mutating func write(_ text: String) {
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\n": newLine()
            case "\r": column = 0
            case "\u{1b}": command(&rest)
            default: put(Character(scalar))
            }
        }
    }

    private mutating func newLine() {
        (row, column) = (row + 1, 0)
        if row == rows.count { rows.append([]) }
    }

    private mutating func put(_ character: Character) {
        if column == columns { newLine() }
        while rows[row].count <= column { rows[row].append(" ") }
        rows[row][column] = character
        column += 1
    }

    private mutating func command(_ rest: inout Substring.UnicodeScalarView) {
        var text = ""
        while let scalar = rest.popFirst() {
            text.unicodeScalars.append(scalar)
            if scalar.properties.isAlphabetic { break }
        }
        switch text.last {
        case "A": row = max(0, row - (Int(text.dropFirst().dropLast()) ?? 1))
        case "K" where text == "[K": rows[row].removeSubrange(min(column, rows[row].count)...)
        case "J" where text == "[J":
            rows[row].removeSubrange(min(column, rows[row].count)...)
            rows.removeSubrange((row + 1)...)
        case "m": break
        default: unknown.append(text)
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}

@Suite("the live view")
struct LiveViewTests {
    private static var state: LiveState {
        var state = LiveState(title: "storm tcp 127.0.0.1:2525, 50 clients")
        (state.run, state.runs) = (2, 5)
        (state.elapsed, state.planned) = (2.5, 10)
        state.ledger = LedgerReport(
            opened: 50_100,
            connections: 50_100,
            answered: 50_000,
            refused: 4,
            failed: ["reset": 3, "timed out": 1]
        )
        state.open = 50
        state.intervals = (1...8).map { Sample.interval(at: Double($0) / 4, 2500 * $0, 1) }
        state.percentiles = [
            LivePercentile(name: "50", nanoseconds: 12_300), LivePercentile(name: "99.9", nanoseconds: 1_234_000),
            LivePercentile(name: "max", nanoseconds: 5_000_000_000),
        ]
        state.busiestThread = 0.97
        state.serverMicroseconds = 12.345
        return state
    }

    private func picture(_ state: LiveState, _ style: LiveStyle) -> [String] {
        var (view, screen) = (LiveView(style: style), Screen(columns: style.columns))
        screen.write(view.redraw(state))
        return screen.lines
    }

    @Test("all of it")
    func whole() throws {
        let lines = picture(Self.state, LiveStyle(columns: 100, hasColors: true))
        try Golden.expect(lines.map { $0 + "\n" }.joined(), equals: "live.txt")
    }

    @Test("ASCII where the terminal shows no more")
    func ascii() {
        var view = LiveView(style: LiveStyle(columns: 100, hasColors: false, hasUnicode: false))
        let text = view.redraw(Self.state)
        #expect(text.utf8.allSatisfy { $0 < 128 })
        #expect(text.contains("12.3 us"))
    }

    @Test("colours only where they are wanted")
    func colors() {
        var (plain, colored) = (
            LiveView(style: LiveStyle(columns: 80, hasColors: false)),
            LiveView(style: LiveStyle(columns: 80, hasColors: true))
        )
        #expect(!plain.redraw(Self.state).contains(#/\u{1b}\[[0-9;]*m/#))
        #expect(colored.redraw(Self.state).contains("\u{1b}[31m"))
    }

    @Test("a second picture stands where the first stood", arguments: [20, 37, 80, 200])
    func inPlace(columns: Int) {
        let style = LiveStyle(columns: columns, hasColors: true)
        var (view, screen) = (LiveView(style: style), Screen(columns: columns))
        screen.write("$ bench-accept\n")
        var state = Self.state
        screen.write(view.redraw(state))
        state.stage = .draining
        state.busiestThread = nil
        state.serverMicroseconds = nil
        state.percentiles = []
        state.title = "x"
        screen.write(view.redraw(state))
        #expect(screen.lines == ["$ bench-accept"] + picture(state, style))
        #expect(screen.unknown.isEmpty)
        screen.write(view.clear())
        #expect(screen.lines == ["$ bench-accept"])
        #expect(view.clear().isEmpty)
    }

    @Test("no line reaches the last column, whatever the width", arguments: [1, 2, 10, 20, 21, 33, 57, 80, 81, 300])
    func width(columns: Int) {
        var state = Self.state
        state.title = String(repeating: "長い名前 ", count: 60)
        state.ledger.failed = Dictionary(uniqueKeysWithValues: (0..<40).map { ("failure \($0)", $0) })
        #expect(picture(state, LiveStyle(columns: columns, hasColors: true)).allSatisfy { $0.count < columns })
        #expect(picture(state, LiveStyle(columns: columns, hasColors: true)).count <= 6)
    }

    @Test("a window that became narrower has wrapped the last picture")
    func narrower() {
        var view = LiveView(style: LiveStyle(columns: 100, hasColors: false))
        let first = view.redraw(Self.state)
        var screen = Screen(columns: 40)
        screen.write("$ bench-accept\n")
        screen.write(first)
        view.style.columns = 40
        screen.write(view.redraw(Self.state))
        #expect(screen.lines == ["$ bench-accept"] + picture(Self.state, LiveStyle(columns: 40, hasColors: false)))
    }

    @Test("at the first moment there is nothing, and it is drawn")
    func nothing() {
        let lines = picture(LiveState(title: "t"), LiveStyle(columns: 80, hasColors: false))
        #expect(
            lines == ["t", "measuring  0.0 s", "rate      0/s  mean 0/s", "answered  0  refused 0  failed 0  open 0"]
        )
    }

    @Test("a name cannot move the cursor")
    func hostileName() {
        let lines = picture(LiveState(title: "a\u{1b}[2Jb\n\u{9b}1A"), LiveStyle(columns: 80, hasColors: false))
        #expect(lines.first == "a\\u{1b}[2Jb\\n\\u{9b}1A")
    }

    @Test("progress by time, by count, by what comes first")
    func progress() {
        var state = LiveState(title: "")
        #expect(state.progress == nil)
        (state.elapsed, state.planned) = (1, 4)
        #expect(state.progress == 0.25)
        state.plannedExchanges = 10
        state.ledger.opened = 5
        #expect(state.progress == 0.5)
        state.ledger.opened = 50
        #expect(state.progress == 1)
        state.planned = 0
        state.plannedExchanges = 0
        #expect(state.progress == nil)
    }
}

@Suite("whether to be live")
struct LiveStyleTests {
    private let terminal = ["TERM": "xterm-256color", "LANG": "en_US.UTF-8"]

    @Test("on a terminal that can")
    func live() {
        #expect(LiveStyle(isTerminal: true, environment: terminal) == LiveStyle(columns: 80, hasColors: true))
    }

    @Test("not in a file, not on a dumb terminal, not on none", arguments: [nil, "", "dumb"])
    func notLive(term: String?) {
        #expect(LiveStyle(isTerminal: false, environment: terminal) == nil)
        #expect(LiveStyle(isTerminal: true, environment: term.map { ["TERM": $0] } ?? [:]) == nil)
    }

    @Test("NO_COLOR, when it is not empty")
    func noColor() {
        #expect(LiveStyle(isTerminal: true, environment: ["TERM": "vt100", "NO_COLOR": "1"])?.hasColors == false)
        #expect(LiveStyle(isTerminal: true, environment: ["TERM": "vt100", "NO_COLOR": ""])?.hasColors == true)
    }

    @Test("the width: what the terminal says, else COLUMNS, else 80; within reason")
    func columns() {
        func columns(_ told: Int?, _ variable: String? = nil) -> Int? {
            var environment = terminal
            environment["COLUMNS"] = variable
            return LiveStyle(isTerminal: true, environment: environment, columns: told)?.columns
        }
        #expect(columns(120, "90") == 120)
        #expect(columns(0, "90") == 90)
        #expect(columns(nil, "90") == 90)
        #expect(columns(nil, "wide") == 80)
        #expect(columns(3) == 20)
        #expect(columns(1_000_000) == 1000)
    }

    @Test(
        "Unicode where the locale says so; the first that is set decides",
        arguments: [
            (["LANG": "C"], false), ([:], false), (["LANG": "de_DE.utf8"], true),
            (["LANG": "C.UTF-8", "LC_ALL": "C"], false),
            (["LANG": "C", "LC_CTYPE": "C.UTF-8"], true), (["LANG": "C.UTF-8", "LC_ALL": ""], true),
        ] as [([String: String], Bool)]
    )
    func locale(variables: [String: String], unicode: Bool) {
        let environment = variables.merging(["TERM": "xterm"]) { $1 }
        #expect(LiveStyle(isTerminal: true, environment: environment)?.hasUnicode == unicode)
    }
}
