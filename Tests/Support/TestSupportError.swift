//===----------------------------------------------------------------------===//
// Quartermaster: why a test could not be set up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Says what stopped a test's preparations; never used for what a test asserts.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The text of the last failed system call.
package func errnoText() -> String { String(cString: strerror(errno)) }
