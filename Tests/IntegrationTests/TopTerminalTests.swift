//===----------------------------------------------------------------------===//
// Quartermaster: tests that masterctl top gives the terminal back, however it ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Foundation
import TestSupport
import Testing

/// A pseudo-terminal with a shell on it that runs `masterctl top`.
private final class Terminal {
    private let master: Int32
    private let slave: Int32
    private let path: String
    private(set) var output = ""

    init() throws {
        var name = [CChar](repeating: 0, count: 64)
        master = cspawn_terminal(&name, name.count)
        guard master >= 0 else { throw TestSupportError("no terminal: \(errnoText())") }
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Ours, so that its settings can be seen, and stay, when nobody else has it open.
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        var size = winsize(ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0)
        guard slave >= 0, ioctl(master, UInt(TIOCSWINSZ), &size) == 0 else {
            throw TestSupportError("no terminal: \(errnoText())")
        }
    }

    deinit {
        close(slave)
        if isOpen { close(master) }
    }

    private var isOpen = true

    /// As when the window is closed.
    func hangUp() {
        close(master)
        isOpen = false
    }

    /// Runs lines of shell as the first process on this terminal, with job control.
    func run(_ script: String) throws -> RunningProcess {
        try RunningProcess(
            [
                "/bin/bash", "--norc", "--noprofile", "-c",
                "ulimit -c 0; exec <\(path) >\(path) 2>&1; set -m\n" + script,
            ],
            environment: ["PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"],
            grouping: .ownSession
        )
    }

    func type(_ key: UInt8) { #expect(write(master, [key], 1) == 1) }

    /// Keys are shown, come line by line, and may be signals.
    var isOrdinary: Bool {
        var settings = termios()
        guard tcgetattr(slave, &settings) == 0 else { return false }
        let all = tcflag_t(ICANON | ECHO | ISIG)
        return settings.c_lflag & all == all && settings.c_iflag & tcflag_t(ICRNL) != 0
    }

    /// Reads what is there, and says how often the text was in it so far.
    func count(_ text: String) -> Int {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(master, &buffer, buffer.count)
            if count <= 0 { break }
            output += String(decoding: buffer.prefix(count), as: UTF8.self)
        }
        return output.components(separatedBy: text).count - 1
    }

    static let enter = "\u{1b}[?1049h"
    static let leave = "\u{1b}[?25h\u{1b}[?1049l"

    /// What is drawn is visible, on the other screen.
    var isDrawnOn: Bool { count(Self.enter) == count(Self.leave) + 1 && !isOrdinary }
    var isGivenBack: Bool { count(Self.enter) == count(Self.leave) && isOrdinary }
}

@Suite("masterctl top on a terminal", .timeLimit(.minutes(60))) struct TopTerminalTests {
    private final class Scene {
        let system: MailSystem
        let terminal: Terminal
        let shell: RunningProcess
        let pid: Int32

        /// - Parameter more: what the shell does when top has ended, or was stopped.
        init(then more: String = "") throws {
            system = try MailSystem([Line.unix("talk", "serve")])
            try system.start()
            terminal = try Terminal()
            let top = "\(BuiltProducts.path("masterctl")) top --delay 0.2 -c \(system.configDirectory)"
            shell = try terminal.run("\(top); echo status=$?\n\(more)\n")
            let (terminal, shell) = (terminal, shell)
            guard eventually({ terminal.isDrawnOn && terminal.count("talk/unix") > 0 }) else {
                throw TestSupportError("nothing is drawn: \(terminal.output)")
            }
            let children = "/proc/\(shell.pid)/task/\(shell.pid)/children"
            let text = try String(contentsOfFile: children, encoding: .utf8)
            pid = try #require(text.split(separator: " ").first.flatMap { Int32($0) })
        }

        func end() {
            kill(pid, SIGKILL)
            shell.end()
            system.end()
        }
    }

    @Test("a signal that ends it", arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT])
    func signals(_ signal: Int32) throws {
        let scene = try Scene()
        defer { scene.end() }
        let terminal = scene.terminal
        kill(scene.pid, signal)
        // A shell whose command was interrupted ends by the same signal, without a word.
        let isOver = eventually {
            signal == SIGINT ? !scene.shell.isRunning : terminal.count("status=\(128 + signal)") == 1
        }
        #expect(isOver, "\(terminal.output)")
        #expect(terminal.isGivenBack, "\(terminal.output)")
    }

    @Test("the key q")
    func quits() throws {
        let scene = try Scene()
        defer { scene.end() }
        let terminal = scene.terminal
        terminal.type(UInt8(ascii: "q"))
        #expect(eventually { terminal.count("status=0") == 1 }, "\(terminal.output)")
        #expect(terminal.isGivenBack, "\(terminal.output)")
    }

    @Test("it is stopped, by a signal or by Control-Z, and goes on, twice", arguments: [true, false])
    func stops(isSignal: Bool) throws {
        let scene = try Scene(then: "fg; echo second=$?\nfg; echo third=$?")
        defer { scene.end() }
        let terminal = scene.terminal
        for word in ["status", "second"] {
            if isSignal { kill(scene.pid, SIGTSTP) } else { terminal.type(26) }
            #expect(eventually { terminal.count("\(word)=\(128 + SIGTSTP)") == 1 }, "\(terminal.output)")
            #expect(eventually { terminal.isDrawnOn }, "\(terminal.output)")
        }
        #expect(terminal.count(Terminal.enter) == 3 && terminal.count(Terminal.leave) == 2, "\(terminal.output)")
        terminal.type(UInt8(ascii: "q"))
        #expect(eventually { terminal.count("third=0") == 1 }, "\(terminal.output)")
        #expect(terminal.isGivenBack, "\(terminal.output)")
    }

    @Test("a terminal that hangs up ends it")
    func hangUp() throws {
        let scene = try Scene()
        defer { scene.end() }
        scene.terminal.hangUp()
        #expect(eventually { ProcessSnapshot(scene.pid).map { $0.state == "Z" } ?? true })
    }

    @Test("output that nobody reads ends it, and the terminal is left alone")
    func brokenPipe() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let terminal = try Terminal()
        let top = "\(BuiltProducts.path("masterctl")) top --delay 0.5 -c \(system.configDirectory)"
        let shell = try terminal.run("\(top) | true; echo pipe=${PIPESTATUS[0]}\n")
        defer { shell.end() }
        #expect(eventually { terminal.count("pipe=\(128 + SIGPIPE)") == 1 }, "\(terminal.output)")
        #expect(terminal.count(Terminal.enter) == 0 && terminal.isOrdinary)
    }
}
