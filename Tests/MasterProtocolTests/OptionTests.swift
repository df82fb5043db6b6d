//===----------------------------------------------------------------------===//
// Quartermaster: tests of command lines and inherited names
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

private func scan(
    _ arguments: [String],
    _ letters: String,
    long: [String] = []
) throws -> (options: [OptionScanner.Option], rest: [String]) {
    var scanner = OptionScanner(arguments, letters: letters, longOptions: long)
    var options: [OptionScanner.Option] = []
    while let option = try scanner.next() { options.append(option) }
    return (options, scanner.rest)
}

@Suite struct OptionScannerTests {
    static let master = "c:Dde:istvw"

    @Test("letters join, and values follow either way")
    func joinedLetters() throws {
        let (options, rest) = try scan(["-vvc", "/etc", "-e5", "-wt"], Self.master)
        #expect(
            options == [
                .letter("v", value: nil), .letter("v", value: nil), .letter("c", value: "/etc"),
                .letter("e", value: "5"), .letter("w", value: nil), .letter("t", value: nil),
            ]
        )
        #expect(rest.isEmpty)
    }

    @Test("the first word that is no option ends the scan")
    func firstArgument() throws {
        let (options, rest) = try scan(["-v", "flags=DRhu", "-v"], Self.master)
        #expect(options == [.letter("v", value: nil)])
        #expect(rest == ["flags=DRhu", "-v"])
    }

    @Test("two dashes end the scan and disappear")
    func twoDashes() throws {
        #expect(try scan(["-v", "--", "-v"], Self.master).rest == ["-v"])
        #expect(try scan(["--", "--"], Self.master, long: ["check"]).rest == ["--"])
    }

    @Test("a lone dash, or nothing, is no option", arguments: ["-", ""])
    func loneDash(_ argument: String) throws {
        #expect(try scan([argument, "-v"], Self.master).rest == [argument, "-v"])
    }

    @Test("a value may look like an option")
    func optionLikeValue() throws {
        #expect(try scan(["-c", "-v"], Self.master).options == [.letter("c", value: "-v")])
        #expect(try scan(["-c", "--", "-v"], Self.master).options.count == 2)
    }

    @Test(
        "an unknown letter or a missing value names the letter",
        arguments: zip([["-x"], ["-vx"], ["-:"], ["-c"], ["-vc"], ["--help"]], ["x", "x", ":", "c", "c", "-"])
    )
    func badLetter(_ arguments: [String], _ letter: Character) {
        #expect(throws: OptionProblem.invalidOption(letter)) { try scan(arguments, Self.master) }
        #expect(OptionProblem.invalidOption(letter).message == "invalid option: \(letter)")
    }

    @Test("long options are those the caller names")
    func longOptions() throws {
        let long = ["check", "help", "version"]
        let (options, rest) = try scan(["-v", "--check", "-t", "x"], Self.master, long: long)
        #expect(options == [.letter("v", value: nil), .long("check"), .letter("t", value: nil)])
        #expect(rest == ["x"])
        #expect(throws: OptionProblem.invalidLongOption("chec")) { try scan(["--chec"], Self.master, long: long) }
        #expect(OptionProblem.invalidLongOption("chec").message == "invalid option: --chec")
    }
}

@Suite struct DaemonOptionsTests {
    @Test("an smtpd understands what master passes to it")
    func smtpd() throws {
        let line = ["-n", "smtp", "-t", "inet", "-u", "-c", "-o", "stress=", "-s", "2"]
        let options = try DaemonOptions(parsing: line, for: .stream)
        var expected = DaemonOptions()
        expected.serviceName = "smtp"
        expected.transportName = "inet"
        expected.isUnprivileged = true
        expected.isChroot = true
        expected.overrides = [.parameter(name: "stress", value: "")]
        expected.socketCount = 2
        #expect(options == expected)
        #expect(try options.transport(for: .stream) == .inet)
    }

    @Test("a postlogd understands what master passes to it")
    func postlogd() throws {
        let line = ["-l", "-n", "postlog", "-t", "unix-dgram", "-u", "-d", "-v"]
        let options = try DaemonOptions(parsing: line, for: .datagram)
        #expect(options.isAlone && options.isUnprivileged && options.isForeground && !options.isUnlimited)
        #expect(options.verbosity == 1)
        #expect(options.socketCount == 1)
        #expect(try options.transport(for: .datagram) == .unixDatagram)
    }

    @Test(
        "letters and transports of each skeleton",
        arguments: zip(
            DaemonOptions.Skeleton.allCases,
            [
                "inet, unix or pass", "inet, unix or pass", "inet, unix or pass", "unix, fifo or pass",
                "unix-dgram or udp",
            ]
        )
    )
    func skeletons(_ skeleton: DaemonOptions.Skeleton, _ types: String) {
        #expect(skeleton.typesInWords == types)
        #expect(skeleton.letters.contains("r") == (skeleton == .single || skeleton == .event))
        #expect(skeleton.letters.contains("S") == (skeleton != .datagram))
    }

    @Test("a time of retirement is read as atoi(3) reads it, and is more than 0")
    func retirement() throws {
        #expect(try DaemonOptions(parsing: ["-r", "12x"], for: .single).retirementSeconds == 12)
        #expect(try DaemonOptions(parsing: [], for: .event).retirementSeconds == nil)
        for text in ["0", "-1", "x"] {
            let problem = #expect(throws: OptionProblem.self) { try DaemonOptions(parsing: ["-r", text], for: .event) }
            #expect(problem?.message == "invalid retirement time: \(text)")
        }
    }

    @Test("overrides keep their order")
    func orderOfOverrides() throws {
        let line = ["-o", "max_idle=5s", "-i", "10", "-m", "1", "-o", "max_use = $stress ", "-vDzSV", "rest", "-v"]
        let options = try DaemonOptions(parsing: line, for: .stream)
        #expect(
            options.overrides == [
                .parameter(name: "max_idle", value: "5s"), .idleTime("10"), .useLimit("1"),
                .parameter(name: "max_use", value: "$stress"),
            ]
        )
        #expect(options.overrides.map(\.name) == ["max_idle", "max_idle", "max_use", "max_use"])
        #expect(options.overrides.map(\.value) == ["5s", "10", "1", "$stress"])
        #expect(options.arguments == ["rest", "-v"])
        #expect(options.isDebugged && options.isUnlimited && options.isOneShot && options.logsToStandardError)
    }

    @Test("a value may hold equals signs")
    func equalsSigns() throws {
        let options = try DaemonOptions(parsing: ["-o", "a=b=c"], for: .stream)
        #expect(options.overrides == [.parameter(name: "a", value: "b=c")])
    }

    @Test("a value is what stands behind the sign, byte by byte, whatever it joins with for a reader")
    func joiningValues() throws {
        for value in ["\u{301}abc", "\u{200d}abc", "\u{fe0f}", "é"] {
            let options = try DaemonOptions(parsing: ["-o", "stress=" + value], for: .stream)
            #expect(options.overrides.map { Array($0.value.utf8) } == [Array(value.utf8)])
        }
    }

    @Test(
        "a problem has its text",
        arguments: zip(
            [
                ["-r", "5"], ["-o", "name"], ["-o", " = x"], ["-o", ""], ["-s", "0"], ["-s", "x"], ["-s", "-2"],
                ["-t"],
            ],
            [
                "invalid option: r", "invalid \"-o name\" option value: missing '=' after attribute name",
                "invalid \"-o  = x\" option value: missing attribute name",
                "invalid \"-o \" option value: missing attribute name", "invalid socket_count: 0",
                "invalid socket_count: x", "invalid socket_count: -2", "invalid option: t",
            ]
        )
    )
    func problemText(_ line: [String], _ text: String) {
        let problem = #expect(throws: OptionProblem.self) { try DaemonOptions(parsing: line, for: .stream) }
        #expect(problem?.message == text)
    }

    @Test(
        "socket counts are read as atoi(3) reads them",
        arguments: zip(["3", " 4", "+5", "6x", "99999999999999999999"], [3, 4, 5, 6, Int(Int32.max)])
    )
    func socketCounts(_ text: String, _ count: Int) throws {
        #expect(try DaemonOptions(parsing: ["-s", text], for: .stream).socketCount == count)
    }

    @Test("one-shot servers are not for datagrams")
    func oneShot() {
        #expect(throws: OptionProblem.invalidOption("S")) { try DaemonOptions(parsing: ["-S"], for: .datagram) }
    }

    @Test("transports are checked afterwards and without regard to case")
    func transports() throws {
        func transport(_ line: [String], _ skeleton: DaemonOptions.Skeleton) throws -> Transport? {
            try DaemonOptions(parsing: line, for: skeleton).transport(for: skeleton)
        }
        #expect(try transport(["-t", "UNIX"], .stream) == .unix)
        #expect(try transport(["-t", "Pass"], .stream) == .pass)
        #expect(try transport(["-S"], .stream) == nil)
        #expect(throws: OptionProblem.noTransport) { try transport([], .stream) }
        #expect(throws: OptionProblem.unsupportedTransport("fifo")) { try transport(["-t", "fifo"], .stream) }
        #expect(throws: OptionProblem.unsupportedTransport("inet")) { try transport(["-t", "inet"], .datagram) }
        #expect(throws: OptionProblem.unsupportedTransport("tcp")) { try transport(["-t", "tcp"], .stream) }
        #expect(OptionProblem.noTransport.message == "no transport type specified")
        #expect(OptionProblem.unsupportedTransport("tcp").message == "unsupported transport type: tcp")
    }
}

@Suite struct InheritanceTests {
    @Test("generations are octal text")
    func generations() throws {
        #expect(Generation(rawValue: 8).octalText == "10")
        #expect(try Generation(octalText: "17") == Generation(rawValue: 15))
        #expect(try Generation(octalText: "37777777777").rawValue == .max)
        #expect(Generation(rawValue: .max).next == .none)
    }

    @Test(
        "anything but octal digits is a bad generation",
        arguments: ["", "8", "12 ", "-1", "+1", "0x1", "seven", "40000000000", "٣"]
    )
    func badGenerations(_ text: String) {
        let problem = #expect(throws: GenerationProblem.self) { try Generation(octalText: text) }
        #expect(problem?.message == "bad generation: \(text)")
    }

    @Test("names and numbers are the ones children know")
    func knownNames() {
        #expect(InheritedDescriptor.flowRead == 3)
        #expect(InheritedDescriptor.flowWrite == 4)
        #expect(InheritedDescriptor.status == 5)
        #expect(InheritedDescriptor.firstListener == 6)
        #expect(Transport.allCases.map(\.rawValue) == ["inet", "unix", "unix-dgram", "fifo", "pass", "udp"])
        #expect(
            EnvironmentName.allCases.map(\.rawValue) == [
                "MAIL_CONFIG", "MAIL_VERBOSE", "MAIL_DEBUG", "MAIL_LOGTAG", "GENERATION", "POSTLOG_SERVICE",
                "POSTLOG_HOSTNAME",
            ]
        )
        #expect(StatusChannelMark.socketPriority == 6)
        #expect(TriggerByte.wakeup.rawValue == UInt8(ascii: "W"))
    }
}
