//===----------------------------------------------------------------------===//
// Quartermaster: a service that runs gains and loses addresses
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import SystemCalls

/// The addresses that an inet or udp service shall have, beside those that it has. Owns the sockets of new ones until
/// the service takes them.
///
///     address is       | its socket                                  | its queue
///     -----------------+---------------------------------------------+------------------------------------------
///     there and wanted | stays as it is                              | stays as it is
///     wanted           | is bound, and opened when all others can be | begins
///     there            | is closed to new clients, and goes later    | is served, see `Policy+Outgoing`
///
/// A new socket for datagrams receives as soon as it is bound: if another cannot be had, what has come is lost.
///
/// A child has its sockets from its start to its end, so processes that know another number of them have to leave.
final class Relocation {
    let added: [SocketAddress]
    let removed: [SocketAddress]
    private let addresses: [SocketAddress]
    private let kind: SocketKind
    private let room: Endpoint.Room
    private var fresh = DescriptorList()

    /// nil when nothing is to be changed, or nothing may be: what a service manager has opened is its affair.
    init?(of service: RunningService, to plan: ServicePlan, _ settings: MainSettings) throws(EndpointFailure) {
        guard let wanted = plan.endpoint.addresses, let present = service.plan.endpoint.addresses,
            wanted != present, !service.isAdopted
        else { return nil }
        addresses = wanted
        added = wanted.filter { !present.contains($0) }
        removed = present.filter { !wanted.contains($0) }
        kind = plan.endpoint.socketKind
        room = plan.room(settings)
        for address in added { fresh.append(try Endpoint.bound(to: address, kind)) }
    }

    /// Lets clients connect.
    func open() throws(EndpointFailure) {
        for number in fresh.numbers { try Endpoint.open(number, kind, room) }
    }

    /// Fills a list with sockets in the order of the addresses, and behind them those that go; returns their number.
    ///
    /// - Parameters:
    ///   - old: those of the addresses before, and behind them what was on its way out already.
    ///   - isRefusing: the service turns clients away: those who come to a new address, too.
    fileprivate func rearrange(
        _ old: consuming DescriptorList,
        of present: [SocketAddress],
        isRefusing: Bool,
        into listeners: inout DescriptorList
    ) -> Int {
        let numbers = old.release()
        var new = DescriptorList()
        swap(&new, &fresh)
        // Where that cannot be had, they wait.
        if isRefusing { for number in new.numbers { try? number.turnClientsAway(kind) } }
        let fresh = zip(added, new.release())
        var outgoing = 0
        for address in addresses {
            let kept = zip(present, numbers).first { $0.0 == address }
            guard let number = (kept ?? fresh.first { $0.0 == address })?.1 else { continue }
            listeners.append(Descriptor(owning: number))
        }
        for (address, number) in zip(present, numbers) where removed.contains(address) {
            let socket = Descriptor(owning: number)
            // Where new clients cannot be kept away, the queue would never be empty.
            guard isRefusing || isClosed(number) else { continue }
            listeners.append(socket)
            outgoing += 1
        }
        for number in numbers.dropFirst(present.count) {
            listeners.append(Descriptor(owning: number))
            outgoing += 1
        }
        return outgoing
    }

    /// For good. An address that the machine has lost cannot be connected to.
    private func isClosed(_ number: DescriptorNumber) -> Bool {
        if kind == .datagram, (try? number.turnClientsAway(kind)) != nil { return true }
        return (try? number.setOption(.boundInterface, RunningService.nowhere)) != nil
    }
}

extension RunningService {
    /// Processes that start from now on get the new sockets.
    func take(_ relocation: Relocation) {
        guard let present = plan.endpoint.addresses else { return }
        var old = DescriptorList()
        swap(&old, &listeners)
        outgoingCount = relocation.rearrange(old, of: present, isRefusing: isRefusing, into: &listeners)
    }

    /// Sockets of addresses that the service has lost.
    var outgoing: [DescriptorNumber] { listeners.numbers.suffix(outgoingCount) }
    /// Sockets of the addresses that it has.
    var staying: [DescriptorNumber] { listeners.numbers.dropLast(outgoingCount) }

    /// They are closed here; processes that have them keep them.
    func closeOutgoing() {
        var old = DescriptorList()
        swap(&old, &listeners)
        let numbers = old.release()
        for number in numbers.dropLast(outgoingCount) { listeners.append(Descriptor(owning: number)) }
        for number in numbers.suffix(outgoingCount) { _ = Descriptor(owning: number) }
        outgoingCount = 0
    }
}
