//===----------------------------------------------------------------------===//
// Quartermaster: the page for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One page without anything from elsewhere: it asks for /status.json every two seconds and shows what comes.
enum WebPage {
    /// Nothing is loaded or sent anywhere, and nobody puts the page into another.
    static let securityPolicy: StaticString = """
        Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
        connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r
        Referrer-Policy: no-referrer\r

        """

    /// What is sent, in this order.
    static let parts = [beginning, style, body, script, end]

    private static let beginning: StaticString = #"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Quartermaster</title>
        <link rel="icon" href="data:,">
        <style>

        """#

    private static let body: StaticString = #"""
        </style>
        </head>
        <body>
        <header>
          <h1>Quartermaster</h1> <span id="state" class="pill">…</span> <span id="about" class="soft"></span>
        </header>
        <main>
          <div id="alarm" role="alert" hidden></div>
          <div id="tiles" aria-label="Sums"></div>
          <div class="bar-line"><h2>Services</h2>
            <input id="filter" type="search" placeholder="Filter"
              aria-label="Show services whose name has this in it"></div>
          <div class="box"><table>
            <thead><tr id="heads"></tr></thead>
            <tbody id="services"></tbody>
          </table></div>
          <h2>Recent events</h2>
          <div class="box"><ul id="events"></ul></div>
        </main>
        <footer>Figures of the last two seconds; sums since the start. <a href="/metrics">/metrics</a>
          <a href="/status.json">/status.json</a> <a href="/readyz">/readyz</a></footer>
        <script>

        """#

    private static let end: StaticString = #"""
        </script>
        </body>
        </html>

        """#
}
