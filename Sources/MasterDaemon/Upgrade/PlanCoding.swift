//===----------------------------------------------------------------------===//
// Quartermaster: the plan of a service among the fields of a state
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

// The whole plan, so that the next program can tell whether its own reading of the files asks for anything new.
extension ServicePlan {
    /// A place for a reader to put its fields.
    static var blank: ServicePlan {
        ServicePlan(
            entry: ServiceEntry(nameAsWritten: "", type: .unix, command: "", executablePath: ""),
            identity: ServiceIdentity(canonicalName: "", type: .unix),
            endpoint: .inet([]),
            backlog: 0
        )
    }

    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        var (entry, name, backlog) = (entry, identity.canonicalName, backlog)
        try entry.code(with: &coder)
        try coder.code(&name)
        var endpoint = endpoint
        try endpoint.code(with: &coder)
        try coder.code(&backlog)
        var settings = settings
        try settings.code(with: &coder)
        self = ServicePlan(
            entry: entry,
            identity: ServiceIdentity(canonicalName: name, type: entry.type),
            endpoint: endpoint,
            backlog: backlog,
            settings: settings
        )
    }
}

extension EndpointPlan {
    fileprivate mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        var (isPath, path, transport, addresses) = (false, "", Transport.unix, [[UInt8]]())
        switch self {
        case .inet(let list): addresses = list.map(\.bytes)
        case .udp(let list): (transport, addresses) = (.udp, list.map(\.bytes))
        case .path(let place, let kind): (isPath, path, transport) = (true, place, kind)
        }
        try coder.code(&isPath)
        try coder.code(&path)
        try coder.code(&transport)
        try coder.code(&addresses, blank: []) { coder, bytes throws(StateProblem) in try coder.code(&bytes) }
        let known = addresses.compactMap { SocketAddress(copying: $0) }
        guard known.count == addresses.count else { throw .badValue }
        self = isPath ? .path(path, transport) : .addresses(known, transport)
    }
}

extension ServiceEntry {
    fileprivate mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&nameAsWritten)
        try coder.code(&type)
        try coder.code(&isPrivate)
        try coder.code(&isUnprivileged)
        try coder.code(&wantsChroot)
        try coder.code(&wakeupSeconds)
        try coder.code(&wakeupIsConditional)
        try coder.code(&processLimit)
        try coder.code(&command)
        try coder.code(&executablePath)
        try coder.code(&arguments)
        try coder.code(&line)
        try coder.code(&inetName, absent: InetName(host: nil, port: "")) { coder, name throws(StateProblem) in
            try coder.code(&name.host)
            try coder.code(&name.port)
        }
    }
}

extension ServiceSettings {
    fileprivate mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&throttleSeconds)
        try coder.code(&concurrentStarts)
        try coder.code(&warningSeconds)
        try coder.code(&listenBacklog)
        try coder.code(&receiveBuffer)
    }
}

extension StateCoder {
    fileprivate mutating func code(_ transport: inout Transport) throws(StateProblem) {
        var name = transport.rawValue
        try code(&name)
        guard let read = Transport(rawValue: name) else { throw .badValue }
        transport = read
    }
}
