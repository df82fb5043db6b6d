//===----------------------------------------------------------------------===//
// Quartermaster: what a drain waits for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage
import TerminalText

extension Sight {
    /// Processes that are named; the others are counted.
    private static let longestList = 5

    /// The processes that have not left yet, those first that have been at it for the longest time.
    ///
    /// - Parameter name: of the service that is drained; nil for all.
    package func leftText(of name: String? = nil) -> String {
        let services = name.map { self.services(named: $0) } ?? overview.services
        var left: [(process: ProcessOverview, service: ServiceOverview)] = []
        for process in overview.processes {
            guard let service = services.first(where: { $0.row == Int(process.service) }) else { continue }
            if service.texts.life == UInt64(process.life) { left.append((process, service)) }
        }
        if left.isEmpty { return "no process is left, so it cannot take long" }
        left.sort { $0.process.since < $1.process.since }
        let named = left.prefix(Self.longestList).map { process, service in
            let time = span(shownMoment - process.since)
            return "\(process.pid) of \(printable(self.name(of: service))), \(process.state.words) for \(time)"
        }
        let more = left.count - named.count
        return "\(left.count == 1 ? "1 process has" : "\(left.count) processes have") not left yet: "
            + named.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }
}

extension ProcessState {
    fileprivate var words: String {
        switch self {
        case .unknown, .starting, .idle, .busy: name
        case .retired: "about to leave"
        case .retiredBusy: "busy"
        case .draining: "finishing the clients of another"
        }
    }
}
