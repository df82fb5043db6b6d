//===----------------------------------------------------------------------===//
// Quartermaster: a service of each kind in a unit test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
public import ServerSkeleton
import SystemCalls

extension ServiceTester {
    /// - Parameters:
    ///   - settings: of `main.cf`, as they would be written there.
    ///   - arguments: of the service's line in `master.cf`, without options.
    ///   - transport: how clients reach it.
    public convenience init<S: StreamService & ~Copyable>(
        stream: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) throws {
        try self.init(settings, arguments, transport, waiting: .nothing) { StreamServer<S>.serve($0) }
    }

    public convenience init<S: EventService & ~Copyable>(
        event: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) throws {
        try self.init(settings, arguments, transport, waiting: .nothing) { EventServer<S>.serve($0) }
    }

    public convenience init<S: BlockingStreamService & ~Copyable>(
        blocking: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) throws {
        try self.init(settings, arguments, transport, waiting: .client) { BlockingStreamServer<S>.serve($0) }
    }

    public convenience init<S: SingleService & ~Copyable>(
        single: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) throws {
        try self.init(settings, arguments, transport, waiting: .client) { SingleServer<S>.serve($0) }
    }

    public convenience init<S: TriggerService & ~Copyable>(
        trigger: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = []
    ) throws {
        try self.init(settings, arguments, .unix, waiting: .nothing) { TriggerServer<S>.serve($0) }
    }

    public convenience init<S: DatagramService & ~Copyable>(
        datagram: S.Type,
        settings: [String: String] = [:],
        arguments: [String] = [],
        over transport: TestedTransport = .unix
    ) throws {
        try self.init(settings, arguments, transport, kind: .datagram, waiting: .nothing) {
            DatagramServer<S>.serve($0)
        }
    }
}
