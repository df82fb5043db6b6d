//===----------------------------------------------------------------------===//
// Quartermaster: swift-log over the log of a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Foundation
import Logging
import ServiceLogging
import TestSupport
import Testing

@testable import ServerSkeleton

struct ServiceLoggingTests {
    @Test("errors of a library end no process, unless that is asked for: then the 13th does")
    func errors() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let log = ServiceLog(Log(ident: "test", host: nil, destination: .standardError, waits: false))
            ServiceLogHandler.bootstrap(log: log)
            let logger = Logger(label: "library")
            for _ in 1...30 { logger.error("it happens") }
            logger.critical("so it does")
            // They do not count for the service's own either.
            for _ in 1...12 { log.error("of the service") }
            exit(7)
        }
        await #expect(processExitsWith: .exitCode(1)) {
            let log = ServiceLog(Log(ident: "test", host: nil, destination: .standardError, waits: false))
            ServiceLogHandler.bootstrap(log: log, countsErrors: true)
            let logger = Logger(label: "library")
            for _ in 1...30 { logger.error("it happens") }
            exit(7)
        }
    }

    @Test("messages arrive with their severity and metadata")
    func metadata() throws {
        let directory = try TemporaryDirectory("qm-logging")
        let file = directory.file("log")
        let log = Log(ident: "test/service", host: "mx", destination: .file(file), waits: false)
        var logger = Logger(label: "part") { ServiceLogHandler(label: $0, log: ServiceLog(log)) }
        logger[metadataKey: "client"] = "192.0.2.1"
        logger.warning("odd", metadata: ["b": "2", "a": "1"])
        logger.notice("plain")
        logger.debug("not shown: below the level")
        logger.logLevel = .trace
        logger.debug("not shown: not verbose")
        log.verbosity = 1
        logger.debug("shown")
        logger.error("bad")
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let texts = lines.map { line in
            line.range(of: "]: ").map { String(line[$0.upperBound...]) } ?? String(line)
        }
        #expect(
            texts == [
                "warning: part: odd a=1 b=2 client=192.0.2.1", "part: plain client=192.0.2.1",
                "part: shown client=192.0.2.1", "error: part: bad client=192.0.2.1",
            ]
        )
    }
}
