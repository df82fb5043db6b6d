//===----------------------------------------------------------------------===//
// Quartermaster: administrators who are connected while another program takes over
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterControl
import MasterPolicy
import SystemCalls

extension Handover {
    /// The control socket, whoever is connected to it, and what all of them have brought about.
    struct Desk: Equatable {
        var listener: DescriptorNumber?
        var clients: [Client] = []
        /// How everything was drained.
        var drainOfAll: ControlRequest.Drain?
        /// master ends when these are drained.
        var stopping: [ServiceID]?

        /// No more clients than are let in, and none that waits for what is not there.
        var isConsistent: Bool {
            clients.count <= ControlSocket.clientLimit
                && clients.allSatisfy { client in
                    client.line.count <= ControlRequest.longestLine
                        && (client.stage == .waiting || client.wait == .nothing)
                        && (client.wait != .retirement || client.services.count == 1)
                }
        }

        var descriptors: [DescriptorNumber] { (listener.map { [$0] } ?? []) + clients.map(\.socket) }
    }

    /// One connection. Its time begins anew.
    struct Client: Equatable {
        var socket: DescriptorNumber
        var stage = ControlSocket.Stage.asking
        /// What it has said of its request.
        var line: [UInt8] = []
        /// What it has not read yet, and lines for which there was no room.
        var output: [UInt8] = []
        var omitted = 0
        var wait = Wait.nothing
        /// The services that it waits for.
        var services: [ServiceID] = []
        /// Of a drain: processes that were ended.
        var cutOff: [String] = []
        var cutOffCount = 0
    }

    /// What a client waits for.
    enum Wait: UInt8 { case nothing, reload, check, drain, retirement, upgrade }
}

extension Handover.Desk {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&listener, absent: DescriptorNumber(-1)) { coder, number throws(StateProblem) in
            try coder.code(&number)
        }
        try coder.code(&clients, blank: Handover.Client(socket: DescriptorNumber(-1))) {
            coder,
            client throws(StateProblem) in
            try client.code(with: &coder)
        }
        try coder.code(&drainOfAll, absent: ControlRequest.Drain()) { coder, drain throws(StateProblem) in
            try coder.code(&drain.timeoutSeconds, absent: 0) { coder, seconds throws(StateProblem) in
                try coder.code(&seconds)
            }
            try coder.code(&drain.refuses)
        }
        try coder.code(&stopping, absent: []) { coder, services throws(StateProblem) in try coder.code(&services) }
    }
}

extension Handover.Client {
    fileprivate mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&socket)
        try coder.code(&stage)
        try coder.code(&line)
        try coder.code(&output)
        try coder.code(&omitted)
        try coder.code(&wait)
        try coder.code(&services)
        try coder.code(&cutOff)
        try coder.code(&cutOffCount)
    }
}

extension StateCoder {
    fileprivate mutating func code(_ services: inout [ServiceID]) throws(StateProblem) {
        try code(&services, blank: ServiceID(index: 0, generation: 0)) { coder, id throws(StateProblem) in
            try id.code(with: &coder)
        }
    }
}

extension ReloadWish {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&retiresAll)
        var client: Client? = if case .client(let user, let pid) = asker { Client(user: user, pid: pid) } else { nil }
        try coder.code(&client, absent: Client(user: 0, pid: 0)) { coder, client throws(StateProblem) in
            try coder.code(&client.user)
            try coder.code(&client.pid)
        }
        asker = client.map { .client(user: $0.user, pid: $0.pid) } ?? .signal
    }

    private struct Client: Equatable {
        var user: UInt32
        var pid: Int32
    }
}
