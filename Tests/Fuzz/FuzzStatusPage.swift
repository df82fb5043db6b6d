//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as a status page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterOverview
import StatusPage
import TerminalText

@testable import WorkerPage

/// Reads any bytes as a page, and as a page that changes between two readings, and makes every text of it: nothing may
/// trap, and what comes out obeys the bounds of what was there. The first byte says how often it changes. Built with
/// those sources of StatusPage, WorkerPage, TerminalText and MasterOverview that touch no file, by `scripts/fuzz
/// status_page`.
@c(LLVMFuzzerTestOneInput)
public func fuzzStatusPage(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let input = UnsafeBufferPointer(start: start, count: size)
    let page = Array(input.dropFirst())
    if let name = SeriesName(reading: page) { precondition(Array(name.text.utf8) == page, "another name") }
    read(page, changingEvery: Int(input[0] & 7))
    return 0
}

private func read(_ page: [UInt8], changingEvery interval: Int) {
    var reads = 0
    let result = PageReader().read { (offset, count) -> [UInt8] in
        precondition(offset >= 0 && count >= 0 && offset + count <= 2 * PageLayout.largestPage, "reads anywhere")
        reads += 1
        var now = page
        if interval > 0, reads % (interval + 1) == 0, !now.isEmpty { now[(reads * 64) % now.count] ^= 3 }
        return offset < now.count ? Array(now[offset..<min(offset + count, now.count)]) : []
    }
    precondition(reads <= 1 + 2 * 4 * PageReader.attempts, "reads without end")
    guard case .success(let overview?) = result else { return }
    let bytes = page.count
    precondition(overview.services.count <= bytes / PageLayout.serviceSize, "services out of nothing")
    precondition(overview.processes.count <= bytes / PageLayout.processSize, "processes out of nothing")
    precondition(overview.events.count <= bytes / PageLayout.eventSize, "events out of nothing")
    precondition(overview.processes.allSatisfy { $0.pid != 0 } && overview.events.allSatisfy { $0.number != 0 })
    for service in overview.services { precondition(service.texts.name.utf8.count <= 3 * 112, "text from elsewhere") }
    show(overview)
}

/// What tools show of a page, at a time before and after everything in it.
private func show(_ overview: Overview) {
    for (now, life) in [(0, MasterLife.isGone), (overview.heartbeat, .runs), (PageBounds.size, .isStopped)] {
        let sight = Sight(overview, now: now, life: life)
        var text = sight.statusText() + sight.servicesText() + sight.processesText() + sight.leftText()
        for service in overview.services {
            text += sight.statusText(of: service, time: timestamp)
            for program in [ProgramFacts.isFine, .isMissing(path: "/x")] {
                text += Verdict(service, in: sight, program: program).text(name: sight.name(of: service))
            }
        }
        for event in overview.events { text += event.text(time: timestamp) + "\n" }
        var view = TopView(style: LiveStyle(columns: 200, hasColors: false))
        view.look(Sight(Overview(), now: 0, life: .runs))
        view.look(sight)
        var later = sight
        later.now += 1000
        view.look(later)
        text += view.lines(height: 40).map { $0.text(colors: false) }.joined()
        let isClean = text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && !(127..<160).contains($0.value) }
        precondition(isClean, "a terminal is steered")
        for text in [sight.json([.services, .processes, .events]), sight.metrics(), sight.metrics(.prometheus)] {
            precondition(!text.isEmpty, "nothing is told")
        }
    }
}
