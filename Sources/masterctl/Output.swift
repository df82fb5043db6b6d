//===----------------------------------------------------------------------===//
// Quartermaster: what masterctl prints
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// To standard output; a reader that has gone ends us by SIGPIPE.
func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        guard case .bytes(let count)? = try? DescriptorNumber.standardOutput.write(Array(rest)) else { return }
        rest = rest.dropFirst(count)
    }
}

func printLine(_ text: String) { write(text + "\n") }

func complain(_ text: String) { _ = try? DescriptorNumber.standardError.write(Array("masterctl: \(text)\n".utf8)) }

/// The time of day at this place, of milliseconds since 1970.
func localTime(_ milliseconds: Int64) -> String {
    Clock.format(milliseconds / 1000, as: "%Y-%m-%d %H:%M:%S")
}
