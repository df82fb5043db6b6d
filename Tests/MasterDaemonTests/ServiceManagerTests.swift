//===----------------------------------------------------------------------===//
// Quartermaster: tests of what a service manager hands over, and of what it is told
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite("Talking to a service manager") struct ServiceManagerTests {
    private typealias Name = ServiceManagerOffer.Name

    private func offer(_ environment: [Name: String], pid: Int32 = 77) -> ServiceManagerOffer {
        ServiceManagerOffer(pid: pid) { environment[$0] }
    }

    @Test("Each notice in the words of sd_notify(3)")
    func words() {
        #expect(
            ServiceManagerNotice.started(pid: 42, services: 1).text == "READY=1\nMAINPID=42\nSTATUS=serving 1 service"
        )
        #expect(
            ServiceManagerNotice.reloading(microseconds: 7).text == "RELOADING=1\nMONOTONIC_USEC=7\nSTATUS=reloading"
        )
        #expect(
            ServiceManagerNotice.reloaded(services: 2, isAccepted: true).text == "READY=1\nSTATUS=serving 2 services"
        )
        #expect(
            ServiceManagerNotice.reloaded(services: 2, isAccepted: false).text
                == "READY=1\nSTATUS=serving 2 services; the last reload was refused, see the log"
        )
        #expect(ServiceManagerNotice.alive.text == "WATCHDOG=1")
        #expect(ServiceManagerNotice.stopping(reason: "done").text == "STOPPING=1\nSTATUS=done")
    }

    @Test("Nothing in the environment asks for nothing")
    func nothing() {
        let empty = offer([:])
        #expect(empty.address == nil && empty.keepAliveMilliseconds == nil && empty.descriptorCount == 0)
        #expect(empty.problems.isEmpty)
        #expect(offer([.notifySocket: "", .watchdogMicroseconds: "x"]) == empty)
    }

    @Test("The address is a path, or a name in the abstract namespace; anything else is a problem")
    func addresses() {
        #expect(offer([.notifySocket: "/run/notify"]).address == SocketAddress(unixPath: "/run/notify"))
        #expect(offer([.notifySocket: "@x/y"]).address == SocketAddress(abstractName: "x/y"))
        let long = "/" + String(repeating: "x", count: 107)
        for text in ["run/notify", "vsock:2:1234", "@", long] {
            let bad = offer([.notifySocket: text])
            #expect(bad.address == nil)
            #expect(bad.problems.count == 1 && bad.problems[0].contains("NOTIFY_SOCKET: \(text) "), "\(bad.problems)")
        }
    }

    @Test(
        "The watchdog is told twice in its time, if it is ours",
        arguments: [
            ("2000000", nil, 1000), ("2000000", "77", 1000), ("2000000", "78", nil), ("1", nil, 1), ("0", nil, nil),
            ("-5", nil, nil), ("soon", nil, nil), ("99999999999999999999", nil, nil),
        ] as [(String, String?, Int64?)]
    )
    func watchdog(_ interval: String, _ pid: String?, _ milliseconds: Int64?) {
        var environment: [Name: String] = [.notifySocket: "/n", .watchdogMicroseconds: interval]
        environment[.watchdogPID] = pid
        let read = offer(environment)
        #expect(read.keepAliveMilliseconds == milliseconds)
        #expect(read.problems.isEmpty == (milliseconds != nil || pid == "78"), "\(read.problems)")
        environment[.notifySocket] = nil
        #expect(offer(environment).keepAliveMilliseconds == nil, "there is nobody to tell")
    }

    @Test("Descriptors count when they are for this process")
    func descriptors() {
        #expect(offer([.descriptorCount: "2", .descriptorPID: "77"]).descriptorCount == 2)
        #expect(offer([.descriptorCount: "2", .descriptorPID: "78"]).descriptorCount == 0)
        #expect(offer([.descriptorCount: "2"]).descriptorCount == 0)
        for text in ["-1", "x", "", "99999999999", "65537"] {
            let bad = offer([.descriptorCount: text, .descriptorPID: "77"])
            #expect(bad.descriptorCount == 0 && bad.problems.count == 1, "\(text): \(bad.problems)")
        }
        let named = offer([.descriptorCount: "3", .descriptorPID: "77", .descriptorNames: "a::smtp/inet"])
        #expect(named.descriptorNames == ["a", "", "smtp/inet"])
        let wrong = offer([.descriptorCount: "3", .descriptorPID: "77", .descriptorNames: "a:b"])
        #expect(wrong.descriptorCount == 3 && wrong.descriptorNames.isEmpty && wrong.problems.count == 1)
    }

    @Test("A receiver that is busy gets what counts later, in order; who is not there is a warning, once")
    func busyReceiver() throws {
        let name = "quartermaster-test-\(UUID().uuidString)"
        let receiver = try makeSocket(.unix, .datagram)
        try receiver.number.bind(to: #require(SocketAddress(abstractName: name)))
        try receiver.number.setNonBlocking(true)
        var manager = ServiceManager(offer([.notifySocket: "@\(name)"]))
        var taken = 0
        while !manager.hasWaiting {
            taken += 1
            try #require(taken < 100_000, "the receiver's queue has an end")
            #expect(manager.tell(.reloading(microseconds: Int64(taken))) == nil)
        }
        #expect(manager.tell(.alive) == nil)
        #expect(manager.tell(.reloaded(services: 1, isAccepted: true)) == nil)
        var heard: [String] = []
        func listen() throws {
            while let bytes = try receiver.number.read(atMost: 4096) {
                heard.append(String(decoding: bytes, as: UTF8.self))
            }
        }
        try listen()
        #expect(manager.sendWaiting() == nil && !manager.hasWaiting)
        try listen()
        #expect(heard.count == taken + 1, "\(heard.suffix(3))")
        #expect(heard.last == ServiceManagerNotice.reloaded(services: 1, isAccepted: true).text)
        #expect(heard.dropLast().last == ServiceManagerNotice.reloading(microseconds: Int64(taken)).text)

        var alone = ServiceManager(offer([.notifySocket: "@\(name)-nobody"]))
        let warning = alone.tell(.alive)
        #expect(
            warning?.contains("NOTIFY_SOCKET @\(name)-nobody: connect: Connection refused") == true,
            "\(warning ?? "")"
        )
        #expect(alone.tell(.alive) == nil && !alone.hasWaiting, "once")
    }

    @Test("What a shortage keeps from being sent is sent when it is over")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            let name = "quartermaster-test-\(UUID().uuidString)"
            let receiver = try makeSocket(.unix, .datagram)
            try receiver.number.bind(to: #require(SocketAddress(abstractName: name)))
            try receiver.number.setNonBlocking(true)
            var manager = ServiceManager(
                ServiceManagerOffer(pid: 77) { $0 == .notifySocket ? "@\(name)" : nil }
            )
            let notice = ServiceManagerNotice.started(pid: 42, services: 1)
            FaultPlan.fail(.socket, with: .tooManyOpenFiles)
            FaultPlan.fail(.send, with: .noBufferSpace, times: 2)
            #expect(manager.tell(notice) == nil && manager.hasWaiting, "no socket")
            #expect(manager.sendWaiting() == nil && manager.hasWaiting, "no memory")
            #expect(manager.tell(.alive) == nil && manager.hasWaiting, "still none")
            #expect(try receiver.number.read(atMost: 4096) == nil)
            #expect(manager.sendWaiting() == nil && !manager.hasWaiting)
            let heard = try receiver.number.read(atMost: 4096)
            #expect(heard.map { String(decoding: $0, as: UTF8.self) } == notice.text)
            #expect(try receiver.number.read(atMost: 4096) == nil, "a sign of life is for its moment")
        }
    }

    @Test("A descriptor that cannot be kept is closed, and told of with the reason")
    func notKept() async {
        await #expect(processExitsWith: .success) {
            let number = try makeSocket(.unix, .stream).release()
            FaultPlan.fail(.fcntl, with: .tooManyOpenFiles)
            let offer = OfferedSockets.Offer(moving: number, name: "smtp", atLeast: 16)
            #expect(offer.number == nil && offer.original == number.rawValue && offer.name == "smtp")
            #expect(offer.form == .useless("fcntl: Too many open files"))
            #expect(!number.isOpen)
        }
    }

    // MARK: descriptors

    private let queue = "/var/spool/x"
    private let v4 = SocketAddress(ipv4: [0, 0, 0, 0], port: 25)
    private let v6 = SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: 25)
    private let other = SocketAddress(ipv4: [192, 0, 2, 1], port: 25)

    private func sources(_ plan: ServicePlan, _ offers: [(name: String, form: OfferedForm)]) -> [SocketSource]? {
        OfferMatching.sources(of: plan, queueDirectory: queue, offers)
    }

    @Test("By address: what was handed over takes its place, the rest is made")
    func byAddress() {
        let smtp = plan("smtp", .inet, .inet([v4, v6]))
        #expect(sources(smtp, []) == nil)
        #expect(sources(smtp, [("", .inet(other, takesIPv4: true))]) == nil, "another address")
        #expect(sources(smtp, [("", .inet(v4.withPort(26), takesIPv4: true))]) == nil, "another port")
        #expect(sources(smtp, [("", .inet(v6, takesIPv4: false))]) == [.made(v4), .offered(0)])
        #expect(sources(smtp, [("", .useless("x")), ("", .inet(v4, takesIPv4: true))]) == [.offered(1), .made(v6)])
        #expect(sources(smtp, [("", .inet(v6, takesIPv4: true))]) == [.offered(0)], "one for both families")
        let both = [("", OfferedForm.inet(v6, takesIPv4: true)), ("", .inet(v4, takesIPv4: true))]
        #expect(sources(smtp, both) == [.offered(1), .offered(0)], "each family its own")
        #expect(sources(plan("smtp", .inet, .inet([other])), [("", .inet(v6, takesIPv4: true))]) == nil)
    }

    @Test("By name: what bears the service's name is all it listens on, if it is of the right kind")
    func byName() {
        let smtp = plan("smtp", .inet, .inet([v4, v6]))
        let first = SocketAddress(ipv4: [192, 0, 2, 1], port: 2525)
        let second = SocketAddress(ipv4: [192, 0, 2, 2], port: 2525)
        #expect(
            sources(smtp, [("smtp", .inet(second, takesIPv4: true)), ("smtp/inet", .inet(first, takesIPv4: true))])
                == [.offered(1), .offered(0)]
        )
        let inUnix: [(name: String, form: OfferedForm)] = [
            ("smtp", .unix(path: "/run/s", .stream)), ("smtp", .inet(first, takesIPv4: true)),
        ]
        #expect(sources(smtp, inUnix) == [.offered(1)])
        #expect(sources(plan("smtp", .unix, .path("private/smtp", .unix)), inUnix) == [.offered(0)])
        #expect(sources(plan("smtp", .unixDatagram, .path("private/smtp", .unixDatagram)), inUnix) == nil)
    }

    @Test("By path: relative to the queue directory, and of the right kind")
    func byPath() {
        let offers: [(name: String, form: OfferedForm)] = [
            ("", .unix(path: "\(queue)/public/log", .stream)), ("", .unix(path: "\(queue)/public/log", .datagram)),
            ("", .fifo(path: "\(queue)/public/pickup")), ("", .unix(path: "/run/far", .stream)),
        ]
        #expect(sources(plan("log", .unixDatagram, .path("public/log", .unixDatagram)), offers) == [.offered(1)])
        #expect(sources(plan("log", .pass, .path("public/log", .pass)), offers) == [.offered(0)])
        #expect(sources(plan("pickup", .fifo, .path("public/pickup", .fifo)), offers) == [.offered(2)])
        #expect(sources(plan("x", .unix, .path("/run/far", .unix)), offers) == [.offered(3)])
        #expect(sources(plan("y", .unix, .path("public/y", .unix)), offers) == nil)
    }
}
