//===----------------------------------------------------------------------===//
// Quartermaster: tests of the page for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import SystemCalls
import TestSupport
import Testing
import WorkerPage

extension ExporterTests {
    @Test("the page is whole, closes what it opens, and needs nothing from elsewhere")
    func page() throws {
        let stage = try ExporterStage()
        let response = try stage.get("/")
        let policy = try #require(response.fields["Content-Security-Policy"])
        #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
        let page = response.body
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(page.contains("name=\"viewport\"") && page.contains("prefers-color-scheme: dark"))
        #expect(HTMLSight(page).problems == [])
        // An address is only that of a kind of element, and asks for nothing.
        let addresses = page.matches(of: #/[a-z]+:\/\/[^"'\s]+/#).map { String($0.output) }
        #expect(addresses == ["http://www.w3.org/2000/svg"])
        for word in ["innerHTML", "document.write", "eval(", "@import", "url("] { #expect(!page.contains(word)) }
        // What the script looks for is there.
        for match in page.matches(of: #/byID\("(\w+)"\)/#) { #expect(page.contains("id=\"\(match.output.1)\"")) }
    }

    @Test("the checker of pages sees what is wrong")
    func checker() {
        #expect(HTMLSight("<p>a<br>b</p>").problems == [])
        #expect(HTMLSight("<p><b></p></b>").problems.count == 2)
        #expect(HTMLSight("<div><p></p>").problems == ["<div> is not closed"])
        #expect(HTMLSight("<p id=a></p><i id=\"a\"></i>").problems == ["the id a is there twice"])
        #expect(HTMLSight("<script>if (a < b) c = '<p>'</script>").problems == [])
    }
}

/// Looks at the elements of a page: whether they are closed in order, and whether an id is there once.
private struct HTMLSight {
    var problems: [String] = []
    private static let empty: Set<String> = ["meta", "link", "input", "br", "img", "hr"]

    init(_ page: String) {
        // What is in scripts and styles is no element.
        let text = page.replacing(#/(?s)(<(script|style)[^>]*>).*?(<\/(script|style)>)/#) {
            "\($0.output.1)\($0.output.3)"
        }
        var open: [String] = []
        var ids: Set<String> = []
        for match in text.matches(of: #/<(\/?)([a-zA-Z][a-zA-Z0-9]*)([^>]*)>/#) {
            let name = match.output.2.lowercased()
            if !match.output.1.isEmpty {
                if open.last == name { open.removeLast() } else { problems.append("</\(name)> closes nothing") }
                continue
            }
            if !Self.empty.contains(name) { open.append(name) }
            if let id = match.output.3.firstMatch(of: #/\bid="?([^"\s]+)"?/#) {
                if !ids.insert(String(id.output.1)).inserted { problems.append("the id \(id.output.1) is there twice") }
            }
        }
        problems += open.map { "<\($0)> is not closed" }
    }
}
