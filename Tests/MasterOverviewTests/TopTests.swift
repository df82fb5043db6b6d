//===----------------------------------------------------------------------===//
// Quartermaster: tests of the live view
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TerminalText
import Testing

@testable import MasterOverview

@Suite("The live view") struct TopTests {
    /// A second later, in which smtp had 500 uses and half of its processes were busy.
    private var later: Sight {
        var sight = Sample.sight
        sight.now += 1000
        sight.overview.heartbeat += 1000
        sight.overview.services[0].load.uses += 500
        sight.overview.services[0].load.counted += 1000
        sight.overview.services[0].load.busyTime += 150_000
        sight.overview.services[3].load.uses = 7
        sight.overview.services[3].counts.starts = 2
        return sight
    }

    private func view(_ style: LiveStyle = LiveStyle(columns: 150, hasColors: false)) -> TopView {
        var view = TopView(style: style)
        view.look(Sample.sight)
        view.look(later)
        return view
    }

    private func text(_ view: TopView, height: Int? = nil) -> String {
        view.lines(height: height).map { $0.text(colors: view.style.hasColors) + "\n" }.joined()
    }

    private func names(_ view: TopView) -> [String] {
        text(view).split(separator: "\n").dropFirst(3).map { String($0.prefix { $0 != " " }) }
    }

    @Test("the picture") func picture() throws { try Golden.expect(text(view(), height: 12), equals: "top.txt") }

    @Test("the picture in colours, and in ASCII on a narrow screen")
    func styles() throws {
        let colours = text(view(LiveStyle(columns: 150, hasColors: true)))
        #expect(colours.contains("\u{1b}[31m") && colours.contains("\u{1b}[0m"))
        let narrow = text(view(LiveStyle(columns: 60, hasColors: false, hasUnicode: false)), height: 8)
        #expect(narrow.utf8.allSatisfy { $0 < 128 && $0 != 27 })
        #expect(narrow.split(separator: "\n", omittingEmptySubsequences: false).allSatisfy { $0.count < 60 })
        #expect(narrow.split(separator: "\n", omittingEmptySubsequences: false).count == 9)
    }

    @Test("80 columns and 24 lines show the state of each service, and all keys")
    func small() throws {
        let view = view(LiveStyle(columns: 80, hasColors: false))
        try Golden.expect(text(view, height: 24), equals: "top-80.txt")
        let lines = text(view, height: 24).split(separator: "\n").map { String($0) }
        #expect(lines.allSatisfy { $0.count < 80 })
        #expect(lines.contains { $0.hasPrefix("cleanup/unix") && $0.contains("throttled 42s") })
        #expect(lines.last?.hasSuffix("q quit") == true)
    }

    @Test("what narrows the picture is said in it")
    func narrowed() {
        var view = view()
        press(&view, "t/zzz\r")
        #expect(text(view).contains("  by utilisation  trouble only  filter: zzz\nSERVICE"))
        #expect(text(view).hasSuffix("\nnothing is in trouble; t shows all services\n"))
        press(&view, "t")
        #expect(text(view).hasSuffix("\nno service has that name\n"))
    }

    @Test("without a last minute there is none, and nothing is cut off where nobody asked for it")
    func once() {
        var view = view(LiveStyle(columns: 1000, hasColors: false))
        view.showsHistory = false
        let text = text(view)
        #expect(!text.contains("LAST MINUTE"))
        #expect(text.contains("  throttled for another 42s: process 4300 exit status 1\n"))
        #expect(text.contains("  fine\n"))
    }

    @Test("keys sort, filter, and quit")
    func keys() {
        var view = view()
        #expect(names(view).first == "smtp/inet")
        press(&view, "n")
        #expect(names(view).first == "cleanup/unix")
        press(&view, "r")
        #expect(names(view).prefix(2) == ["smtp/inet", "private/echo/unix"])
        press(&view, "w")
        #expect(names(view).first == "smtp/inet")
        press(&view, "t")
        #expect(Set(names(view)) == ["smtp/inet", "cleanup/unix"])
        press(&view, "t/ecq")
        #expect(view.isTyping && view.filter == "ecq")
        press(&view, "\u{7f}ho\r")
        #expect(!view.isTyping && names(view) == ["private/echo/unix", "public/echo/unix"])
        press(&view, "\u{1b}")
        #expect(names(view).count == 5)
        #expect(view.press(UInt8(ascii: "q")) == .quit)
        #expect(view.press(3) == .quit)
        #expect(view.press(26) == .suspend)
    }

    private func press(_ view: inout TopView, _ keys: String) {
        for key in keys.utf8 { #expect(view.press(key) == .redraw) }
    }

    @Test("rates are of the time between two looks, and a service of another life begins anew")
    func rates() throws {
        let old = Sample.sight.overview.services[0]
        var new = later.overview.services[0]
        let rates = try #require(ServiceRates(from: old, at: Sample.now, to: new, at: Sample.now + 1000))
        #expect(rates.uses == 500)
        // 100 were busy for the second before, too, which the first look had to add itself.
        #expect(rates.busy == 150 && rates.utilisation == 1)
        #expect(ServiceRates(from: old, at: Sample.now, to: new, at: Sample.now) == nil)
        new.texts.life = 2
        #expect(ServiceRates(from: old, at: Sample.now, to: new, at: Sample.now + 1000) == nil)
    }
}
