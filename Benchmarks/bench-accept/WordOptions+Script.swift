//===----------------------------------------------------------------------===//
// Quartermaster: from options to a script
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

extension WordOptions {
    /// The preset's words, or filler for `--size`, with what was said on the command line in place of them.
    func makeScript(_ shape: LoadShape, _ target: Target) throws -> Script {
        if let size, !(1...65536).contains(size) { throw ValidationError("--size wants 1 to 65536 bytes") }
        if size != nil, send != nil { throw ValidationError("--size and --send exclude each other") }
        var script = try makePresetScript(shape, target)
        let reply = try makeReply(shape, target)
        if let send {
            script.exchange = [ScriptStep(send: try bytes(send), expect: reply)]
        } else if expect != nil, !script.exchange.isEmpty {
            script.exchange[script.exchange.count - 1].expect = reply
        } else if preset == nil, size != nil {
            script.exchange = [ScriptStep(send: Preset.filler(size ?? 0), expect: reply)]
        }
        if let expectGreeting {
            let pattern = try pattern(expectGreeting, "--expect-greeting")
            script.opening = pattern.map { [ScriptStep(expect: .text($0))] + script.opening.dropFirst() } ?? []
        }
        try check(script, shape, target)
        return script
    }

    private func makePresetScript(_ shape: LoadShape, _ target: Target) throws -> Script {
        guard let preset else { return Script() }
        guard preset.suits(shape, target) else {
            throw ValidationError(
                "--preset \(preset.rawValue) does not go with \(shape.rawValue) to \(target.description)"
            )
        }
        if preset == .smtp, send != nil || expect != nil || expectGreeting != nil {
            throw ValidationError("--preset smtp has its own words: leave out --send, --expect and --expect-greeting")
        }
        return preset.script(size: size ?? Preset.defaultSize, keepsConnections: shape != .storm && shape != .slow)
    }

    /// What `--expect` says of the last reply; without it any reply will do where one can come.
    private func makeReply(_ shape: LoadShape, _ target: Target) throws -> ReplyRule? {
        if let expect { return try pattern(expect, "--expect").map { .text($0) } }
        return target.isOneWay || shape == .datagrams ? nil : .text(.anything)
    }

    private func check(_ script: Script, _ shape: LoadShape, _ target: Target) throws {
        if target.isOneWay, script.awaitsAnything {
            throw ValidationError(
                "nobody replies to UNIX datagrams or on a FIFO: leave out --expect and --expect-greeting"
            )
        }
        if shape == .datagrams, !script.opening.isEmpty {
            throw ValidationError("--expect-greeting: there is no greeting without a connection")
        }
        let isSilent = script.exchange.allSatisfy { $0.send.isEmpty }
        if isSilent, expect != nil {
            throw ValidationError("--expect is the reply to --send; what comes unasked is --expect-greeting")
        }
        // A connection alone is something here.
        if shape == .idle || shape == .burst { return }
        if isSilent, shape != .storm { throw ValidationError("nothing to say: give --preset, --send or --size") }
        if isSilent, script.opening.isEmpty {
            throw ValidationError("nothing to say or hear: give --preset, --send, --size or --expect-greeting")
        }
    }

    private func bytes(_ text: String) throws -> [UInt8] {
        if text.hasPrefix("@") { return try contents(of: text.dropFirst(), "--send") }
        return try reading("--send") { try EscapedText.bytes(of: text) }
    }

    /// Nil for an empty text: nothing is awaited. A file is expected byte by byte.
    private func pattern(_ text: String, _ option: String) throws -> Pattern? {
        let pattern =
            text.hasPrefix("@")
            ? Pattern(exactly: try contents(of: text.dropFirst(), option))
            : try reading(option) { try Pattern(text: text) }
        return pattern.isEmpty ? nil : pattern
    }
}
