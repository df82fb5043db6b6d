//===----------------------------------------------------------------------===//
// Quartermaster: an async service in a unit test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import AsyncServices
import ServerSkeleton
public import ServiceTesting

extension ServiceTester {
    /// Runs an async service inside of the test, as its server runs it under `master`: the same code, on the same
    /// executor, on one thread beside that of the test.
    ///
    ///     let tester = try await ServiceTester(async: Promise.self)
    ///     let client = try tester.connect()
    ///     try client.send("50 tea\n")
    ///     try tester.advance(seconds: 50)
    ///     #expect(try client.received() == "tea, and 0 more to come\n")
    ///
    /// When a call of the tester or a client returns, every task of the service is suspended, and waits for a client,
    /// for a connection of its own, or for a moment: there is nothing to sleep for in a test. `LoopClock`, `sleep`,
    /// `withDeadline`, `within:` and `Task.sleep` go by the test's clock; that a clock of Swift's *says* is the real
    /// time.
    ///
    /// What belongs to the process in a service belongs to the test's here: the main actor is that of the test. A task
    /// that waits for it, for a thread of somebody else's, or for an actor that yields, is waited for by
    /// `receivedLine()`, `received(count:)` and `waitForDisconnect()` alone, as a blocking service is. One that such a
    /// thread resumes when its test is over goes on beside the next service, and has no connection and no log any
    /// more: it had better be waited for.
    ///
    /// A process has one `LoopActor`, and so one async service at a time: this waits until the one before has ended or
    /// was let go, and throws when that takes fifteen minutes. Tests may run side by side.
    public convenience init<S: AsyncService>(
        async: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) async throws {
        guard TaskPlacement.isThere else { throw ServiceTestError("this Swift does not say where its tasks run") }
        let turn = try await LoopTurn.next()
        try self.init(settings, arguments, transport, waiting: .elsewhere) { conductor in
            withExtendedLifetime(turn) { AsyncServer<S>.serve(conductor) }
        }
    }
}
