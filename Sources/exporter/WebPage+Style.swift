//===----------------------------------------------------------------------===//
// Quartermaster: what the page for people looks like
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension WebPage {
    /// Between the marks of a style sheet. Colours are named once, for light and for dark screens.
    static let style: StaticString = #"""
        :root { --ink: #1b1f24; --soft: #5d6672; --back: #f6f7f9; --card: #fff; --line: #dde1e6; --good: #1a7f4b;
          --warn: #a35a00; --bad: #c0262d; --bar: #2f6fde; --shade: #e8ebf0; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a2b0; --back: #111418; --card: #1a1f26;
          --line: #2c333d; --good: #4cc38a; --warn: #f0a63c; --bad: #ff6369; --bar: #6ea1ff; --shade: #262d37; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--back); color: var(--ink);
          font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
        header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 16px; }
        header { padding-top: 18px; display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 14px; }
        h1 { font-size: 21px; margin: 0; }
        h2 { font-size: 16px; margin: 26px 0 8px; }
        .soft, footer { color: var(--soft); font-size: 13px; }
        .pill { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 13px; white-space: nowrap;
          background: var(--shade); color: var(--soft); }
        .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
        .pill.bad { background: var(--bad); color: var(--card); }
        .pill.warn { background: var(--warn); color: var(--card); }
        #alarm { margin: 12px 0 0; padding: 9px 12px; border-radius: 8px; background: var(--bad); color: #fff; }
        #tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px;
          margin-top: 16px; }
        .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 9px 12px; }
        .tile b { display: block; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
        .tile span { color: var(--soft); font-size: 13px; }
        .box { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: 7px 10px; border-bottom: 1px solid var(--line); vertical-align: middle; }
        tr:last-child td { border-bottom: 0; }
        th { font-size: 13px; color: var(--soft); font-weight: 500; white-space: nowrap; }
        th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--bar); }
        th[aria-sort] button::after { content: " \25be"; } th[aria-sort=ascending] button::after { content: " \25b4"; }
        .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .name { font-weight: 600; overflow-wrap: anywhere; } .name span { font-weight: 400; color: var(--soft); }
        .name .trouble { display: block; font-weight: 400; font-size: 13px; color: var(--warn); }
        .parts { white-space: nowrap; }
        .bar { display: inline-block; vertical-align: middle; width: 84px; height: 8px; border-radius: 4px;
          background: var(--shade); overflow: hidden; margin-right: 8px; }
        .bar i { display: block; height: 100%; background: var(--bar); } .bar.full i { background: var(--bad); }
        svg { display: block; } polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; }
        input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
          border-radius: 8px; padding: 4px 9px; width: 200px; }
        .bar-line { display: flex; justify-content: space-between; align-items: end; flex-wrap: wrap; gap: 4px 12px; }
        .bar-line input { margin-bottom: 8px; }
        #events { list-style: none; margin: 0; padding: 4px 0; max-height: 420px; overflow: auto; }
        #events li { padding: 3px 12px; display: flex; gap: 10px; font-size: 14px; }
        #events time { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
        #events .what { overflow-wrap: anywhere; }
        footer { padding: 18px 16px 30px; }
        a { color: var(--bar); }
        @media (max-width: 720px) {
          thead { display: none; }
          tbody, tr, td { display: block; }
          tr { padding: 8px 12px; border-bottom: 1px solid var(--line); display: grid; grid-template-columns: 1fr 1fr;
            gap: 2px 12px; }
          tr:last-child { border-bottom: 0; }
          td { border: 0; padding: 1px 0; text-align: left; }
          td.n { text-align: left; }
          td.wide { grid-column: 1 / -1; }
          td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: 13px; }
        }

        """#
}
