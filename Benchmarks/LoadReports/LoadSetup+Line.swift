//===----------------------------------------------------------------------===//
// Quartermaster: the setup as one line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

extension LoadSetup {
    package var isDatagrams: Bool { shape == "datagrams" }

    /// `storm tcp 127.0.0.1:25, preset smtp, 50 clients, 2 threads, …`
    package var line: String {
        var parts = ["\(printable(shape)) \(printable(target))"]
        if let preset { parts.append("preset \(printable(preset))") }
        parts.append(number(clients, isDatagrams ? "sender" : "client"))
        parts.append(number(threads, "thread"))
        if let intendedRate, profile == nil {
            parts.append("intended \(fixed(intendedRate, intendedRate < 10 ? 3 : 0))/s")
        }
        if let profile { parts.append("profile \(printable(profile))") }
        if warmUpSeconds > 0 { parts.append("warm-up \(fixed(warmUpSeconds, 1)) s") }
        if closesWithReset { parts.append("closed with a reset") }
        return parts.joined(separator: ", ")
    }

    private func number(_ count: Int, _ name: String) -> String { "\(count) \(name)\(count == 1 ? "" : "s")" }
}

extension MachineFacts {
    /// `2 × AMD EPYC 7763, Linux 6.1.0`
    package var line: String { "\(processors) × \(printable(processor)), \(printable(kernel))" }
}
