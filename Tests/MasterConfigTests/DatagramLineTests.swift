//===----------------------------------------------------------------------===//
// Quartermaster: tests of udp lines of master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterConfig

@Suite("A udp line of master.cf") struct DatagramLineTests {
    private func problems(_ line: String) -> [ConfigProblem] { parseMaster(line).1.filter { $0.severity == .fatal } }

    @Test(
        "is named as an inet line is",
        arguments: [
            ("7 udp n - n - 3 c", nil, "7"), ("127.0.0.1:7 udp n - n - - c", "127.0.0.1", "7"),
            ("[::1]:echo udp n - n 0 - c", "::1", "echo"), ("::1:7 udp n - n - 0 c", "::1", "7"),
            ("[ipv6:2001:db8::1]:7 udp n - n - - c", "2001:db8::1", "7"),
        ] as [(String, String?, String)]
    )
    func names(_ line: String, _ host: String?, _ port: String) throws {
        let (entries, problems) = parseMaster(line)
        #expect(problems == [])
        let entry = try #require(entries.first)
        #expect(entry.type == .udp && !entry.isPrivate && entry.endpointPath == nil && entry.isLocalOnlyByType == nil)
        #expect(entry.inetName == InetName(host: host, port: port))
    }

    @Test("that is private, woken up or named wrongly is refused with the cure")
    func refusals() {
        let isPrivate = problems("7 udp - - n - - c")
        #expect(isPrivate.map(\.text) == ["udp service cannot be private"])
        #expect(isPrivate.first?.cure == "Put n in the third field, \"private\".")
        for wakeup in ["60", "60?", "1"] {
            let woken = problems("7 udp n - n \(wakeup) - c")
            #expect(woken.map(\.text) == ["udp service cannot be woken up"])
            #expect(woken.first?.cure == "Put 0 in the sixth field, \"wakeup\".")
        }
        #expect(problems("[::1 udp n - n - - c").map(\.text) == ["missing \"]\" in \"[::1\""])
        #expect(problems("7 UDP n - n - - c").map(\.text) == ["bad transport type: UDP"])
    }

    @Test("and an inet line of the same port are two services, and two udp lines are one")
    func identity() {
        let text = "7 udp n - n - - first\n7 inet n - n - - c\n7 udp n - n - - second"
        let (entries, _) = parseMaster(text)
        var problems: [ConfigProblem] = []
        let kept = MasterFile.withoutDuplicates(entries, ports: .builtin, path: "/c/master.cf", problems: &problems)
        #expect(kept.map { "\($0.type.rawValue) \($0.command)" } == ["udp second", "inet c"])
        #expect(problems.count == 1 && problems[0].text.contains("duplicate master.cf entry for service \"7\" (7)"))
    }

    @Test("has the ports of services(5) for udp, and none of known_tcp_ports")
    func ports() {
        var problems: [ConfigProblem] = []
        let ports = PortTable(
            knownTCPPorts: "smtp=25",
            services: ["both": 1],
            datagramServices: ["both": 2, "tftp": 69],
            problems: &problems
        )
        #expect(ports.number(of: "both") == 1 && ports.number(of: "both", for: .udp) == 2)
        #expect(ports.number(of: "tftp") == nil && ports.number(of: "tftp", for: .udp) == 69)
        #expect(ports.number(of: "smtp") == 25 && ports.number(of: "smtp", for: .udp) == nil)
        #expect(ports.number(of: "7", for: .udp) == 7 && ports.number(of: "70000", for: .udp) == nil)
    }

    @Test("is disabled by its type, and with inet lines where no protocol is usable")
    func disabled() {
        let text = "7 udp n - n - - c\na unix - - n - - c\n7 inet n - n - - c"
        func types(_ main: String) -> [Transport] {
            parseMaster(text, main: "compatibility_level = 3.6\n" + main).0.map(\.type)
        }
        #expect(types("master_service_disable = udp") == [.unix, .inet])
        #expect(types("master_service_disable = 7/udp") == [.unix, .inet])
        #expect(types("inet_protocols =") == [.unix])
    }

    @Test("may have a receive buffer of its own")
    func receiveBuffer() throws {
        var problems: [ConfigProblem] = []
        let main = "master_receive_buffer = 1000\n7_master_receive_buffer = 2000\n7_udp_master_receive_buffer = 3000\n"
        let dictionary = MainDictionary(parsing: main, path: "/c/main.cf", problems: &problems)
        let general = settings(main).0
        #expect(general.masterReceiveBuffer == 1000)
        for (name, type, bytes) in [("7", Transport.udp, 3000), ("7", .inet, 2000), ("8", .udp, 1000)] {
            let entry = ServiceEntry(nameAsWritten: name, type: type, command: "c", executablePath: "/c")
            let own = ServiceSettings(of: entry, in: dictionary, general: general, problems: &problems)
            #expect(own.receiveBuffer == bytes)
        }
        #expect(problems == [])
        #expect(ServiceSettings.isSetting("udp_master_receive_buffer"))
    }
}
