//===----------------------------------------------------------------------===//
// Quartermaster: services that cannot accept for a while, under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    @Suite("No memory to accept") struct AcceptShortage {
        /// What a client gets from each service.
        private static let services = [(name: "lines", answer: "b\n"), (name: "single", answer: "hello\n")]

        @Test(
            "one process, and no other to help: nobody is lost, and it tries once a second",
            arguments: [MasterUnderTest.debian, .quartermaster]
        )
        func accept(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            for (name, _) in Self.services {
                // A name of its own, by which its process is found.
                try sandbox.install(BuiltProducts.path("test-service"), as: "serve-\(name)")
                try sandbox.addService("\(name) unix n - n - 1 serve-\(name) serve=\(name)")
            }
            try sandbox.start()
            let traces = try Self.services.map { name, answer in
                try talk(Caller(place(sandbox, name)), answer, sandbox)
                #expect(eventually { sandbox.processes(named: "serve-\(name)").first?.state == "S" })
                let process = try #require(sandbox.processes(named: "serve-\(name)").first)
                return try Traced(process.pid, "-e", "trace=accept4", "-e", "inject=accept4:error=ENOBUFS")
            }
            let begin = ContinuousClock.now
            let callers = try Self.services.map { name, _ in
                try (0..<3).map { _ in try Caller(place(sandbox, name)) }
            }
            for trace in traces {
                let attempts = { trace.report.split(separator: "\n").count { $0.contains("(INJECTED)") } }
                #expect(eventually { attempts() >= 2 }, "\(sandbox.logTail())")
                trace.end()
                let seconds = Int((ContinuousClock.now - begin).components.seconds) + 1
                #expect(attempts() <= seconds + 1, "\(trace.report)")
            }
            for (service, callers) in zip(Self.services, callers) {
                for caller in callers { talk(caller, service.answer, sandbox) }
            }
        }

        /// Until the answer; a conversation ends with it.
        private func talk(_ caller: Caller, _ answer: String, _ sandbox: PostfixSandbox) {
            #expect(caller.send(answer.hasPrefix("b") ? "b\n" : "quit\n"))
            #expect(caller.readLine() == answer, "\(sandbox.logTail())")
        }

        private func place(_ sandbox: PostfixSandbox, _ name: String) -> Place {
            .path("\(sandbox.queueDirectory)/public/\(name)")
        }
    }
}
