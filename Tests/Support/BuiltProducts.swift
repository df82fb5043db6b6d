//===----------------------------------------------------------------------===//
// Quartermaster: the programs built together with the tests
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Finds what the same build produced; the test program lies beside it.
package enum BuiltProducts {
    package static var directory: String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (program as NSString).deletingLastPathComponent
    }

    /// The full path of a product; whether it exists is for the user to find out.
    package static func path(_ name: String) -> String { directory + "/" + name }

    package static func exists(_ name: String) -> Bool { access(path(name), X_OK) == 0 }
}
