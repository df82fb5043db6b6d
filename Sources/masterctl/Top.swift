//===----------------------------------------------------------------------===//
// Quartermaster: masterctl top
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import MasterOverview
import StatusPage
import SystemCalls
import TerminalText

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the services at work, live, the busiest first.",
        discussion: """
            Keys: u, w, r, n sort by utilisation, waiting clients, rate, name; t shows
            only what is in trouble; / filters by name; q quits. Where standard output
            is no terminal, or with --once, it looks twice and prints the picture.
            Colours are left out when NO_COLOR is set.
            """
    )
    @OptionGroup var place: PlaceOptions
    @Option(name: .shortAndLong, help: ArgumentHelp("Time between two looks.", valueName: "seconds"))
    var delay = 1.0
    @Flag(help: "Print one picture and end.") var once = false

    func validate() throws {
        guard delay >= 0.1, delay <= 3600 else { throw ValidationError("-d (--delay) wants 0.1 to 3600 seconds") }
    }

    func run() throws {
        let system = try MailSystem(configDirectory: place.configDirectory)
        let output = DescriptorNumber.standardOutput
        let environment = Dictionary(environmentEntries().map { ($0.name, $0.value) }) { first, _ in first }
        let isLive = !once && DescriptorNumber.standardInput.isTerminal
        if isLive, let size = output.terminalSize,
            let style = LiveStyle(isTerminal: output.isTerminal, environment: environment, columns: size.columns)
        {
            return try runLive(system, style)
        }
        try printOnce(system, environment)
    }

    private func printOnce(_ system: MailSystem, _ environment: [String: String]) throws {
        let terminal = LiveStyle(
            isTerminal: DescriptorNumber.standardOutput.isTerminal,
            environment: environment,
            columns: DescriptorNumber.standardOutput.terminalSize?.columns
        )
        // A program that reads it, or a person with a pager, has no use for cut lines.
        let columns = environment["COLUMNS"].flatMap { Int($0) }.map { min(max($0, 20), 1000) } ?? 1000
        var view = TopView(style: terminal ?? LiveStyle(columns: columns, hasColors: false))
        view.showsHistory = false
        view.look(try system.look(.services))
        pause(milliseconds: UInt32(delay * 1000))
        let sight = try system.look(.services)
        view.look(sight)
        write(view.lines().map { $0.text(colors: view.style.hasColors) + "\n" }.joined())
        try sight.exit()
    }

    private func runLive(_ system: MailSystem, _ style: LiveStyle) throws {
        var view = TopView(style: style)
        // Before the screen changes: a reason not to begin is to stay on it.
        view.look(try system.look(.services))
        let terminal: DrawnTerminal
        do throws(SystemError) {
            terminal = try DrawnTerminal(input: .standardInput, output: .standardOutput)
        } catch {
            complain("the terminal: \(error)")
            throw ExitCode.failure
        }
        var next = Clock.monotonicNanoseconds()
        while true {
            draw(&view)
            let wait = max(next + Int64(delay * 1e9) - Clock.monotonicNanoseconds(), 0) / 1_000_000
            if try DescriptorNumber.standardInput.waitForInput(milliseconds: CInt(clamping: wait)) {
                guard let keys = try DescriptorNumber.standardInput.read(atMost: 64), !keys.isEmpty else { return }
                // An arrow is an escape with more behind it, and means nothing here.
                if keys.count > 1, keys[0] == 27 { continue }
                for key in keys {
                    switch view.press(key) {
                    case .redraw: break
                    case .quit: return
                    case .suspend: terminal.suspend()
                    }
                }
            } else {
                next = Clock.monotonicNanoseconds()
                // While master makes a larger page, or a new master starts, there may be none for a moment.
                if let sight = try? PageFile.read(system.pagePath, .services) {
                    view.look(system.sight(of: sight))
                }
            }
        }
    }

    private func draw(_ view: inout TopView) {
        let size = DescriptorNumber.standardOutput.terminalSize ?? (view.style.columns, 24)
        view.style.columns = min(max(size.columns, 20), 1000)
        let lines = view.lines(height: max(size.rows, 5))
        let text = lines.map { $0.text(colors: view.style.hasColors) + "\u{1b}[K" }.joined(separator: "\r\n")
        write("\u{1b}[H" + text + "\u{1b}[J")
    }
}
