//===----------------------------------------------------------------------===//
// Quartermaster: tests of the last words of a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import Testing

@testable import Diagnostics

@Suite struct EndTests {
    @Test("the 13th error is fatal")
    func thirteenErrors() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(1),
            observing: [\.standardErrorContent]
        ) {
            let log = Log(ident: "a", host: nil, destination: .standardError, waits: false)
            for number in 1...20 { log.error("number \(number)") }
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("a: error: number 13\na: fatal: too many errors - program terminated\n"), "\(text)")
        #expect(!text.contains("number 14"))
    }

    @Test("a fatal error is told to the witness, too")
    func witness() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(1),
            observing: [\.standardErrorContent]
        ) {
            let log = Log(ident: "a", host: nil, destination: .file("/dev/null"), waits: false)
            log.witness = .standardError
            log.warning("not this")
            log.fatal("chdir /x", SystemError(.chdir, .noSuchFileOrDirectory))
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("a: fatal: chdir /x: No such file or directory\n"), "\(text)")
        #expect(!text.contains("not this"))
    }

    @Test("a panic aborts")
    func panic() async {
        await #expect(processExitsWith: .signal(SIGABRT)) {
            Log(ident: "a", host: nil, destination: .standardError, waits: false).panic("our own data is wrong")
        }
    }
}
