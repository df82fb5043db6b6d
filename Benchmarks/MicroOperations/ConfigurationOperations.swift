//===----------------------------------------------------------------------===//
// Quartermaster: main.cf, master.cf and the expansion of their values
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import MasterConfig
import SystemCalls

extension Comparison {
    static var configuration: [Comparison] {
        let files = [10, 10_000].flatMap { count in
            [
                Comparison("main-cf-\(count)", times: count == 10 ? 100 : 1) {
                    OurWorkload(MainFileParsing(SampleFiles.main(lines: count)))
                } peer: {
                    PeerWorkload(CPEERS_MAIN_CF, input: SampleFiles.main(lines: count))
                },
                Comparison("master-cf-\(count)", times: count == 10 ? 100 : 1) {
                    OurWorkload(MasterFileParsing(SampleFiles.master(lines: count)))
                } peer: {
                    PeerWorkload(CPEERS_MASTER_CF, input: SampleFiles.master(lines: count))
                },
            ]
        }
        let expansions = [
            ("expand-names", "subject = $myhostname ESMTP $mail_name on ${mydomain}"),
            (
                "expand-conditions",
                "subject = ${multi_instance_name?{$multi_instance_name}:{postfix}}/${stress?{a}:{b}}"
            ),
        ].map { name, line in
            let file = Array("\(line)\n\(SampleFiles.names)".utf8)
            return Comparison(name, times: 100) {
                OurWorkload(NameExpansion(file))
            } peer: {
                PeerWorkload(CPEERS_EXPANSION, input: file)
            }
        }
        return files + expansions
    }
}

/// Configuration files of any length, with what real ones are made of.
private enum SampleFiles {
    static let names = """
        mail_name = Postfix
        mydomain = example.com
        host = mx1
        myhostname = $host.$mydomain
        multi_instance_name = postfix-out
        stress =

        """

    /// Comments, blank lines, values with references, lists over two lines.
    static func main(lines: Int) -> [UInt8] {
        let text = (0..<lines).map { line in
            switch line % 10 {
            case 0: "# Limits of destination \(line)"
            case 1: "transport_\(line)_destination_concurrency_limit = \(line % 50)"
            case 2: "relay_\(line)_domains = $mydomain, lists.$mydomain,"
            case 3: "    hash:/etc/postfix/relay_\(line)"
            case 4: ""
            case 5: "queue_\(line)_lifetime=5d"
            default: "parameter_\(line) = value of ${parameter_\(line - 1)}"
            }
        }
        return Array((text.joined(separator: "\n") + "\n").utf8)
    }

    /// Services of every kind, comments, arguments on lines of their own.
    static func master(lines: Int) -> [UInt8] {
        let text = (0..<lines).map { line in
            switch line % 10 {
            case 0: "# service type  private unpriv  chroot  wakeup  maxproc command + args"
            case 1: "\(2000 + line) inet  n       -       y       -       -       smtpd"
            case 2: "  -o smtpd_tls_security_level=encrypt"
            case 3: "127.0.0.1:\(2000 + line) inet n    -       n       -       10      smtpd -o syslog_name=in"
            case 4: "pickup_\(line) unix  n       -       y       60      1       pickup"
            case 5: "qmgr_\(line)  unix  n       -       n       300?    1       qmgr"
            case 6: "log_\(line)   unix-dgram n  -       n       -       1       postlogd"
            case 7: "fifo_\(line)  fifo  n       -       n       60      1       pickup"
            default: "relay_\(line) unix  -       -       y       -       100     smtp -o helo_name=mx"
            }
        }
        return Array((text.joined(separator: "\n") + "\n").utf8)
    }
}

/// From the text to the dictionary, and away with it.
private struct MainFileParsing: Subject {
    private let file: [UInt8]

    init(_ file: [UInt8]) { self.file = file }

    func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            var problems: [ConfigProblem] = []
            sum += MainDictionary(parsing: file, path: "main.cf", problems: &problems).count
            precondition(problems.isEmpty, "the sample has a problem")
        }
        return sum
    }
}

/// From the text to the entries, and away with them.
private struct MasterFileParsing: Subject {
    private let file: [UInt8]
    private let settings: MainSettings

    init(_ file: [UInt8]) {
        self.file = file
        var problems: [ConfigProblem] = []
        var dictionary = MainDictionary(parsing: "compatibility_level = 3", path: "main.cf", problems: &problems)
        settings = MainSettings.evaluate(&dictionary, host: HostFacts(hostName: "host"), problems: &problems)
    }

    func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            var problems: [ConfigProblem] = []
            sum += MasterFile.parse(file, path: "master.cf", settings: settings, problems: &problems).count
            precondition(problems.isEmpty, "the sample has a problem")
        }
        return sum
    }
}

/// The value of the parameter `subject`, with all names in it replaced.
private struct NameExpansion: Subject {
    private let dictionary: MainDictionary
    private let text: String

    init(_ file: [UInt8]) {
        var problems: [ConfigProblem] = []
        dictionary = MainDictionary(parsing: file, path: "main.cf", problems: &problems)
        text = dictionary.lookup("subject") ?? ""
    }

    func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            var problems: [ConfigProblem] = []
            sum += Expansion.expand(text, in: dictionary, problems: &problems)?.utf8.count ?? 0
        }
        return sum
    }
}
