//===----------------------------------------------------------------------===//
// Quartermaster: telling a service manager what master does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterPolicy
import SystemCalls

/// Sends datagrams to the service manager that started us, if there is one. Never waits: what a busy receiver does not
/// take, or cannot be sent for a shortage, is kept, within a bound, and tried again. A receiver that is not there is a
/// warning, once, and nothing more.
struct ServiceManager: ~Copyable {
    /// More than what a start, a reload and an end have to say.
    private static let mostWaiting = 8

    /// What the manager has asked for.
    let offer: ServiceManagerOffer
    let keepAliveMilliseconds: Int64?
    private let address: SocketAddress?
    /// Kept, so that a master without free descriptors can say that it lives.
    private var socket: Descriptor?
    private var waiting: [ServiceManagerNotice] = []
    private var hasComplained = false

    init(_ offer: ServiceManagerOffer) {
        self.offer = offer
        address = offer.address
        keepAliveMilliseconds = offer.keepAliveMilliseconds
    }

    var isThere: Bool { address != nil }
    var hasWaiting: Bool { !waiting.isEmpty }

    /// - Returns: a warning, if there is a new one.
    mutating func tell(_ notice: ServiceManagerNotice) -> String? {
        guard address != nil else { return nil }
        if hasWaiting && notice.isForTheMoment { return sendWaiting() }
        if waiting.count == Self.mostWaiting { waiting.removeFirst() }
        waiting.append(notice)
        return sendWaiting()
    }

    /// Sends what waits, in order, as far as the receiver takes it now.
    mutating func sendWaiting() -> String? {
        do throws(SystemError) {
            while let notice = waiting.first {
                guard try send(notice) else {
                    waiting.removeAll { $0.isForTheMoment }
                    return nil
                }
                waiting.removeFirst()
            }
            return nil
        } catch {
            // It passes, and a manager that never hears of the start ends us.
            if error.isShortage {
                waiting.removeAll { $0.isForTheMoment }
                return nil
            }
            waiting = []
            if hasComplained { return nil }
            hasComplained = true
            return "NOTIFY_SOCKET \(address?.hostText ?? ""): \(error) -- the service manager is not told"
        }
    }

    /// - Returns: whether the receiver took it.
    private mutating func send(_ notice: ServiceManagerNotice) throws(SystemError) -> Bool {
        guard let address else { return true }
        if socket == nil {
            let made = try makeSocket(.unix, .datagram).moved(atLeast: ChildImage.lowestSource)
            try made.number.setNonBlocking(true)
            socket = consume made
        }
        guard let number = socket?.number else { return true }
        // Each time anew: the manager may have been replaced, and its socket with it.
        try number.connect(to: address)
        return try number.send(Array(notice.text.utf8)) != .wouldBlock
    }
}

extension Master {
    /// How soon a busy receiver is tried again.
    private static let retryMilliseconds: Int64 = 100

    func tellManager(_ notice: @autoclosure () -> ServiceManagerNotice) {
        guard manager.isThere else { return }
        warn(manager.tell(notice()))
        armManagerTimer()
    }

    func tellManagerOfReload(isAccepted: Bool) {
        tellManager(.reloaded(services: services.count { $0.map(isActive) ?? false }, isAccepted: isAccepted))
    }

    /// Says that the start is over, and from then on that the loop turns.
    func beginTellingManager() {
        tellManager(.started(pid: processID(), services: services.count { $0 != nil }))
        keepAliveDue()
    }

    func keepAliveDue() {
        guard let milliseconds = manager.keepAliveMilliseconds else { return }
        let timer = keepAliveTimer ?? loop.makeTimer(token: MasterEvent.keepAliveDue.token)
        keepAliveTimer = timer
        loop.arm(timer, milliseconds: milliseconds)
        tellManager(.alive)
    }

    func managerDue() {
        warn(manager.sendWaiting())
        armManagerTimer()
    }

    private func armManagerTimer() {
        guard manager.hasWaiting else { return }
        let timer = managerTimer ?? loop.makeTimer(token: MasterEvent.managerDue.token)
        managerTimer = timer
        loop.arm(timer, milliseconds: Self.retryMilliseconds)
    }
}
