//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as a status page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Reads any bytes as a page, and as a page that changes between two readings: nothing may trap, and what comes out
/// obeys the bounds of what was there. The first byte says how often it changes. Built together with those sources of
/// StatusPage that touch no file, by `scripts/fuzz status_page`.
@c(LLVMFuzzerTestOneInput)
public func fuzzStatusPage(_ start: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let start, size > 0 else { return 0 }
    let input = UnsafeBufferPointer(start: start, count: size)
    let page = Array(input.dropFirst())
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
}
