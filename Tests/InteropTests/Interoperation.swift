//===----------------------------------------------------------------------===//
// Quartermaster: the suite around all interoperation tests
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// Real processes of Debian's Postfix and of ours, together. Each test brings a mail system of its own, which waits for
/// most of its time, so they run side by side: as many as there are processors.
@Suite(
    .enabled(if: geteuid() == 0, "SKIPPED: interoperation with Postfix needs root (Postfix switches between users)"),
    .enabled(if: access("/usr/lib/postfix/sbin/smtpd", X_OK) == 0, "SKIPPED: Debian's package postfix is missing"),
    // Whatever waits has an end of its own; this one counts the time in the queue, too.
    .timeLimit(.minutes(60))
)
struct Interoperation {}

/// A `master` that a test puts into a sandbox.
struct MasterUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    let path: String

    /// Ours, from the same build as the tests.
    static let quartermaster = MasterUnderTest(name: "Quartermaster's master", path: BuiltProducts.path("master"))

    /// Debian's. A test that runs with it shows that the test itself is right.
    static let debian = MasterUnderTest(name: "Debian's master", path: "/usr/lib/postfix/sbin/master")

    var testDescription: String { name }

    /// A sandbox with this master, and Debian's everything else.
    func sandbox() throws -> PostfixSandbox { try PostfixSandbox.create(SandboxPrograms(master: path)) }
}
