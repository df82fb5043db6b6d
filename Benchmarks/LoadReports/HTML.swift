//===----------------------------------------------------------------------===//
// Quartermaster: texts and tables of an HTML page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

enum HTML {
    /// Texts, not markup, in all cells; the first column names the row.
    static func table(header: [String], rows: [[String]]) -> String {
        let head = header.map { "<th scope=\"col\">\(Markup.escaped($0))</th>" }.joined()
        let body = rows.map { row in
            let cells = row.enumerated().map { index, cell in
                index == 0 ? "<th scope=\"row\">\(Markup.escaped(cell))</th>" : "<td>\(Markup.escaped(cell))</td>"
            }
            return "<tr>\(cells.joined())</tr>\n"
        }.joined()
        return
            "<div class=\"wide\"><table>\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)</tbody>\n</table></div>\n"
    }

    static func list(_ pairs: [(name: String, value: String)]) -> String {
        let items = pairs.map { "<dt>\(Markup.escaped($0.name))</dt><dd>\(Markup.escaped($0.value))</dd>\n" }.joined()
        return "<dl>\n\(items)</dl>\n"
    }

    static func figure(_ chart: Chart, caption: String) -> String {
        "<figure>\n<figcaption>\(Markup.escaped(caption))</figcaption>\n\(chart.svg)</figure>\n"
    }

    /// Light and dark as the reader's system has it; on paper as on a screen.
    static let style = """
        :root { color-scheme: light dark; --page: #fff; --ink: #1d2329; --faint: #667; --rule: #d8dde3;
          --c0: #0b63b5; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #a16207; --c5: #0e7490; --warn: #b91c1c; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #14181d; --ink: #e3e8ee; --faint: #98a2ae; --rule: #343c46;
            --c0: #6cb2ff; --c1: #ff9a5c; --c2: #63d489; --c3: #cf9bff; --c4: #e5c04b; --c5: #5fd3e6;
            --warn: #ff8080; } }
        body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
          max-width: 60rem; padding: 0 1rem; }
        h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; }
        dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
        th[scope=row], th:first-child { text-align: left; font-weight: 600; }
        .warning { color: var(--warn); } code { overflow-wrap: anywhere; }
        figure { margin: 1.5rem 0; } figcaption { font-weight: 600; }
        svg { width: 100%; height: auto; } svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
        .grid { stroke: var(--rule); stroke-width: 1; } .line { fill: none; stroke-width: 1.8; }
        .c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); }
        .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); } circle { fill: var(--page); stroke-width: 1.5; }
        svg text.key { fill: var(--ink); }

        """
}
