//===----------------------------------------------------------------------===//
// Quartermaster: master's command line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import MasterConfig
import MasterProtocol

/// What the command line asks of master. The letters are those of master(8); the long options are ours.
package struct MasterOptions: Equatable, Sendable {
    package enum Task: Equatable, Sendable {
        case run
        /// `-t`: is a master running here?
        case test
        /// `--check`: is the configuration good?
        case check
        case help
        case version
    }

    package var task = Task.run
    package var configDirectory: String?
    package var runsDebugger = false
    package var staysAttached = false
    package var exitSeconds: Int64?
    package var isInit = false
    package var keepsStandardOutput = false
    package var verbosity = 0
    package var waitsForReadiness = false

    /// Foreground style: the person who started master sees it end.
    package var isForeground: Bool { staysAttached || keepsStandardOutput }

    /// - Parameters:
    ///   - arguments: behind the program's name.
    ///   - pid: of this process, for `-i`.
    package init(parsing arguments: [String], program: String, pid: Int32) throws(MasterUsageProblem) {
        var scanner = OptionScanner(arguments, letters: "c:Dde:istvw", longOptions: Self.longOptions)
        do throws(OptionProblem) {
            while let option = try scanner.next() { try apply(option, pid: pid) }
        } catch {
            throw .usage(program, Self.explanation(of: error))
        }
        if isInit && pid != 1 { throw .text("-i is allowed only for PID 1 process") }
        if let surplus = scanner.rest.first { throw .usage(program, "unexpected argument \"\(surplus)\"") }
        if task == .test && waitsForReadiness { throw .text("the -t and -w options cannot be used together") }
        if isInit && (runsDebugger || staysAttached || waitsForReadiness) {
            throw .text("the -i option cannot be used with -D, -d, or -w")
        }
    }

    private mutating func apply(_ option: OptionScanner.Option, pid: Int32) throws(OptionProblem) {
        switch option {
        case .letter("c", let value): configDirectory = value
        case .letter("D", _): runsDebugger = true
        case .letter("d", _): staysAttached = true
        case .letter("e", let value): exitSeconds = leadingNumber(value ?? "")
        case .letter("i", _):
            isInit = true
            keepsStandardOutput = true
        case .letter("s", _): keepsStandardOutput = true
        case .letter("t", _): task = .test
        case .letter("v", _): verbosity += 1
        case .letter("w", _): waitsForReadiness = true
        case .long("check"): task = .check
        case .long("help"): task = .help
        case .long("version"): task = .version
        case .letter(let letter, _): throw .invalidOption(letter)
        case .long(let name): throw .invalidLongOption(name)
        }
    }

    /// atoi(3): the digits at the start, 0 without any.
    private func leadingNumber(_ text: String) -> Int64 {
        let digits = text.drop { $0 == " " }.prefix { $0.isASCII && $0.isNumber }
        return digits.isEmpty ? 0 : min(Int64(digits) ?? .max, Int64(Int32.max))
    }

    private static let longOptions = ["check", "help", "version"]

    private static func explanation(of problem: OptionProblem) -> String {
        switch problem {
        case .invalidOption("c"), .invalidOption("e"): return "option requires an argument: -\(problem.option)"
        case .invalidLongOption(let name):
            let likely = longOptions.first { EditDistance.between(name, $0, atMost: 2) != nil }
            return "unknown option --\(name)" + (likely.map { " (did you mean --\($0)?)" } ?? "")
        case .invalidOption, .invalidSocketCount, .invalidRetirementTime, .invalidOverride, .noTransport,
            .unsupportedTransport:
            return "unknown option -\(problem.option)"
        }
    }

    package static func usage(_ program: String) -> String {
        "usage: \(program) [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] [-e exit_time] "
            + "[-t (test)] [-v] [-w (wait for initialization)]"
    }

    package static func help(_ program: String) -> String {
        """
        usage: \(program) [-Ddistvw] [-c config_dir] [-e exit_time] | --check | --help | --version

          -c dir     read main.cf and master.cf from dir (default: $MAIL_CONFIG or /etc/postfix)
          -D         run debugger_command after initialization
          -d         stay on the terminal: keep standard descriptors, start no session
          -e time    exit after so many seconds
          -i         init mode: master is process 1 of a container
          -s         keep standard output open, for maillog_file = /dev/stdout
          -t         test: exit 0 if no master is running here, 1 if one is
          -v         log more; so do the children
          -w         wait in the foreground until the daemon is ready, then exit 0
          --check    look for mistakes in main.cf and master.cf, change nothing, exit 0 or 1
          --help     this text
          --version  what this is

        Signals: HUP re-reads the configuration, and keeps the old one if the new one has a mistake;
        TERM ends master and its children. See master(8).
        """
    }
}

/// Wrong use of the command line.
package enum MasterUsageProblem: Error, Equatable, Sendable {
    /// The program, and what it does not understand.
    case usage(String, String)
    case text(String)

    /// What is logged: the words of Postfix's master.
    package var message: String {
        switch self {
        case .usage(let program, _): MasterOptions.usage(program)
        case .text(let text): text
        }
    }

    /// What the person at the terminal is told before that: what was wrong, and where all options are.
    package var explanation: String? {
        switch self {
        case .usage(let program, let what): "\(program): \(what); \"\(program) --help\" lists all options"
        case .text: nil
        }
    }
}

extension OptionProblem {
    /// The letter that was not understood.
    fileprivate var option: String {
        switch self {
        case .invalidOption(let letter): String(letter)
        case .invalidLongOption(let name): "-\(name)"
        case .invalidSocketCount, .invalidRetirementTime, .invalidOverride, .noTransport, .unsupportedTransport: ""
        }
    }
}
