//===----------------------------------------------------------------------===//
// Quartermaster: a service that crashes, under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// What the log tells of a crash when nobody looks at the master's terminal.
    @Suite("Crashes") struct Crashes {
        @Test(
            "the words of a crash, and then its signal, are in the log",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func words(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(BuiltProducts.path("test-service"), as: "test-service")
            try sandbox.addService("trap unix n - n - 1 test-service")
            // Looking where it happened takes its time, and is not what is looked at here.
            try sandbox.setMain([
                "import_environment": "MAIL_CONFIG MAIL_LOGTAG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"
                    + " SWIFT_BACKTRACE=enable=no"
            ])
            try sandbox.start()
            let client = try Caller(.path(sandbox.queueDirectory + "/public/trap"))
            #expect(client.send("trap\n"))
            #expect(sandbox.wait(for: "Fatal error: the trap is sprung"), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "killed by signal "), "\(sandbox.logTail())")
        }
    }
}
