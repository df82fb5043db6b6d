//===----------------------------------------------------------------------===//
// Quartermaster: from options to a plan
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

/// What the options mean together. Each complaint names the option and what it wants.
extension BenchAccept {
    func makePlan() throws -> LoadPlan {
        LoadPlan(
            mode: mode,
            target: try makeTarget(),
            script: try makeScript(),
            clients: try makeClients(),
            limit: try makeLimit(),
            timeoutNanoseconds: try nanoseconds(timeout, "--timeout"),
            stopsOnSignals: true
        )
    }

    private func makeTarget() throws -> Target {
        do {
            switch (unix, tcp) {
            case (let path?, nil): return try Target(unixPath: path)
            case (nil, let text?):
                if mode == .datagrams { throw ValidationError("datagrams go to a UNIX socket: give --unix") }
                return try Target(tcp: text)
            case (nil, nil): throw ValidationError("nowhere to go: give --unix or --tcp")
            default: throw ValidationError("--unix and --tcp exclude each other")
            }
        } catch let problem as Target.Problem {
            throw ValidationError(problem.description)
        }
    }

    private func makeClients() throws -> Int {
        let isDatagrams = mode == .datagrams
        if isDatagrams, clients != nil { throw ValidationError("--clients is for storm and kept; use --senders") }
        if !isDatagrams, senders != nil { throw ValidationError("--senders is for datagrams; use --clients") }
        let number = isDatagrams ? senders ?? 2 : clients ?? 50
        guard (1...100_000).contains(number) else {
            throw ValidationError("\(isDatagrams ? "--senders" : "--clients") wants 1 to 100000")
        }
        return number
    }

    private func makeLimit() throws -> LoadLimit {
        if let count, count < 1 { throw ValidationError("--count wants at least 1") }
        if let duration {
            return LoadLimit(exchanges: count ?? .max, nanoseconds: try nanoseconds(duration, "--duration"))
        }
        return count.map { LoadLimit(exchanges: $0) } ?? LoadLimit(nanoseconds: 5_000_000_000)
    }

    private func nanoseconds(_ seconds: Double, _ option: String) throws -> Int64 {
        guard seconds >= 0.001, seconds <= 86_400 else {
            throw ValidationError("\(option) wants seconds, from 0.001 to 86400")
        }
        return Int64(seconds * 1e9)
    }

    /// The preset's words, or filler for `--size`, with what was said on the command line in place of them.
    private func makeScript() throws -> Script {
        if let size, !(1...65536).contains(size) { throw ValidationError("--size wants 1 to 65536 bytes") }
        if size != nil, send != nil { throw ValidationError("--size and --send exclude each other") }
        var script = Script()
        if let preset {
            guard preset.suits(mode) else { throw ValidationError("--preset \(preset) does not go with \(mode)") }
            script = preset.script(size: size ?? Preset.defaultSize)
        } else if let size {
            script.request = Preset.filler(size)
        }
        if let expectGreeting { script.greeting = try pattern(expectGreeting, "--expect-greeting") }
        if let send {
            script.request = try reading("--send") { () throws(EscapedText.Problem) in
                try EscapedText.bytes(of: send)
            }
        }
        if let expect {
            script.reply = try pattern(expect, "--expect")
        } else if preset == nil || send != nil {
            script.reply = mode == .datagrams || script.request.isEmpty ? nil : .anything
        }
        try check(script)
        return script
    }

    private func check(_ script: Script) throws {
        if mode == .datagrams, script.greeting != nil || script.reply != nil {
            throw ValidationError("nobody replies to datagrams: leave out --expect and --expect-greeting")
        }
        if script.request.isEmpty, mode != .storm {
            throw ValidationError("nothing to say: give --preset, --send or --size")
        }
        if script.request.isEmpty, script.reply != nil {
            throw ValidationError("--expect is the reply to --send; what comes unasked is --expect-greeting")
        }
        if script.request.isEmpty, script.greeting == nil {
            throw ValidationError("nothing to say or hear: give --preset, --send, --size or --expect-greeting")
        }
    }

    /// Nil for an empty text: nothing is awaited.
    private func pattern(_ text: String, _ option: String) throws -> Pattern? {
        let pattern = try reading(option) { () throws(EscapedText.Problem) in try Pattern(text: text) }
        return pattern.isEmpty ? nil : pattern
    }

    private func reading<Value>(_ option: String, _ body: () throws(EscapedText.Problem) -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }
}
