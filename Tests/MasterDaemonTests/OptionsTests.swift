//===----------------------------------------------------------------------===//
// Quartermaster: tests of master's command line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterDaemon

@Suite struct OptionsTests {
    private func parse(_ words: String, pid: Int32 = 100) throws -> MasterOptions {
        try MasterOptions(parsing: words.split(separator: " ").map(String.init), program: "/x/master", pid: pid)
    }

    private func message(_ words: String, pid: Int32 = 100) -> String? {
        do throws(MasterUsageProblem) {
            _ = try MasterOptions(
                parsing: words.split(separator: " ").map(String.init),
                program: "/x/master",
                pid: pid
            )
            return nil
        } catch {
            return error.message
        }
    }

    @Test("every option sets what it stands for")
    func everyOption() throws {
        #expect(try parse("").task == .run)
        #expect(try parse("-c /etc/x").configDirectory == "/etc/x")
        #expect(try parse("-c/etc/x").configDirectory == "/etc/x")
        #expect(try parse("-D").runsDebugger)
        #expect(try parse("-d").staysAttached)
        #expect(try parse("-e 10").exitSeconds == 10)
        #expect(try parse("-s").keepsStandardOutput)
        #expect(try parse("-t").task == .test)
        #expect(try parse("-v").verbosity == 1)
        #expect(try parse("-vv -v").verbosity == 3)
        #expect(try parse("-w").waitsForReadiness)
        #expect(try parse("--check").task == .check)
        #expect(try parse("--help").task == .help)
        #expect(try parse("--version").task == .version)
    }

    @Test("letters may be written together, the last with its argument")
    func lettersTogether() throws {
        let options = try parse("-dvc /etc/x -e 5")
        #expect(options.staysAttached && options.verbosity == 1)
        #expect(options.configDirectory == "/etc/x")
        #expect(options.exitSeconds == 5)
        #expect(options.isForeground)
        #expect(try !parse("-w").isForeground)
        #expect(try parse("-s").isForeground)
    }

    @Test("the time is read as the C library does", arguments: [("12x", Int64(12)), ("x", 0), ("", 0), ("007", 7)])
    func time(_ text: String, _ seconds: Int64) throws {
        let options = try MasterOptions(parsing: ["-e", text], program: "master", pid: 1)
        #expect(options.exitSeconds == seconds)
    }

    @Test("init mode is for process 1, and for it alone")
    func initMode() throws {
        #expect(message("-i") == "-i is allowed only for PID 1 process")
        let options = try parse("-i", pid: 1)
        #expect(options.isInit && options.keepsStandardOutput)
        for letters in ["-i -D", "-d -i", "-iw"] {
            #expect(message(letters, pid: 1) == "the -i option cannot be used with -D, -d, or -w")
        }
    }

    @Test("test and wait do not go together")
    func testAndWait() {
        #expect(message("-t -w") == "the -t and -w options cannot be used together")
        #expect(message("-wt") == "the -t and -w options cannot be used together")
    }

    @Test(
        "everything else is answered with the usage",
        arguments: ["-x", "-c", "-e", "surplus", "-d surplus", "-- surplus", "--chek", "-"]
    )
    func usage(_ words: String) {
        #expect(
            message(words)
                == "usage: /x/master [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] [-e exit_time]"
                + " [-t (test)] [-v] [-w (wait for initialization)]"
        )
    }

    @Test(
        "the user is told what was not understood",
        arguments: [
            ("--chekc", "unknown option --chekc (did you mean --check?)"), ("--what", "unknown option --what"),
            ("-x", "unknown option -x"), ("-c", "option requires an argument: -c"),
            ("-d surplus", "unexpected argument \"surplus\""),
        ]
    )
    func explanation(_ words: String, _ text: String) {
        do throws(MasterUsageProblem) {
            _ = try MasterOptions(parsing: words.split(separator: " ").map(String.init), program: "/x/master", pid: 1)
            Issue.record("understood")
        } catch {
            #expect(error.explanation == "/x/master: \(text); \"/x/master --help\" lists all options")
        }
    }

    @Test("the help names every option")
    func help() {
        let help = MasterOptions.help("master")
        for option in ["-c", "-D", "-d", "-e", "-i", "-s", "-t", "-v", "-w", "--check", "--help", "--version"] {
            #expect(help.contains("\n  \(option) "), "\(option)")
        }
    }
}
