//===----------------------------------------------------------------------===//
// Quartermaster: the environment of this process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import CPosix
import Glibc

/// getenv(3).
package func environmentValue(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe text(value)
}

/// setenv(3), replacing.
package func setEnvironment(_ name: String, _ value: String) {
    _ = unsafe withPath(name) { name in unsafe withPath(value) { unsafe setenv(name, $0, 1) } }
}

/// unsetenv(3).
package func removeEnvironment(_ name: String) { _ = unsafe withPath(name) { unsafe unsetenv($0) } }

/// clearenv(3).
package func clearEnvironment() { _ = clearenv() }

/// environ(7), as name and value, in its order.
package func environmentEntries() -> [(name: String, value: String)] {
    var entries: [(name: String, value: String)] = []
    guard var next = unsafe cposix_environment() else { return entries }
    while let entry = unsafe next.pointee {
        let text = unsafe text(entry)
        if let sign = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
            entries.append((String(text[..<sign]), String(text[text.utf8.index(after: sign)...])))
        }
        unsafe next += 1
    }
    return entries
}

private func text(_ value: UnsafePointer<CChar>) -> String {
    unsafe String(rawBytes: UnsafeRawBufferPointer(start: value, count: strlen(value)))
}
