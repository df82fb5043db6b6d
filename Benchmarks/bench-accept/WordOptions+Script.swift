//===----------------------------------------------------------------------===//
// Quartermaster: from options to a script
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration

extension WordOptions {
    func isHTTP(_ place: PlaceOptions<Kind>) -> Bool { place.url != nil || preset == .http }

    /// The preset's words, or filler for `--size`, with what was said on the command line in place of them.
    func makeScript(_ target: Target, _ place: PlaceOptions<Kind>) throws -> Script {
        if !Kind.speaks, send != nil || expect != nil || size != nil {
            throw ValidationError("\(Kind.shape.rawValue) says nothing: leave out --send, --expect and --size")
        }
        if isHTTP(place) { return try makeHTTPScript(target, place.url) }
        if method != nil || !header.isEmpty {
            throw ValidationError("--method and --header are for http://HOST:PORT/PATH and for --preset http")
        }
        let size = try size?.count("--size", 1...65536)
        if size != nil, send != nil { throw ValidationError("--size and --send exclude each other") }
        var script = try makePresetScript(target, size ?? Preset.defaultSize)
        let reply = try makeReply(target)
        if let send, !Kind.connects, let expect, try isNumbered(send, expect) {
            script = try makeNumberedScript(send, expect)
        } else if let send {
            script.exchange = [ScriptStep(send: try bytes(send), expect: reply)]
        } else if expect != nil, !script.exchange.isEmpty {
            script.exchange[script.exchange.count - 1].expect = reply
            script.numbers = nil
        } else if preset == nil, let size {
            script.exchange = [ScriptStep(send: Preset.filler(size), expect: reply)]
        }
        if let expectGreeting {
            let pattern = try pattern(expectGreeting, "--expect-greeting")
            script.opening = pattern.map { [ScriptStep(expect: .text($0))] + script.opening.dropFirst() } ?? []
        }
        try check(script, target)
        return script
    }

    private func makeHTTPScript(_ target: Target, _ url: String?) throws -> Script {
        try checkSuits(preset ?? .http, target)
        if preset != nil, preset != .http { throw ValidationError("a URL is HTTP: leave out --preset") }
        if !Kind.speaks, url != nil {
            throw ValidationError("\(Kind.shape.rawValue) asks nothing: give --tcp or --unix")
        }
        if expect != nil || expectGreeting != nil || size != nil {
            throw ValidationError(
                "HTTP has its own replies: leave out --expect, --expect-greeting and --size; --send is the body"
            )
        }
        var request = HTTPRequestText()
        if let url {
            do { request = try HTTPRequestText(url: url) } catch { throw ValidationError(error.description) }
        }
        if let method { try reading("--method") { try request.setMethod(method) } }
        for field in header { try reading("--header") { try request.add(field: field) } }
        if let send { request.body = try bytes(send) }
        return request.script(keepsConnections: Kind.shape.traits.keepsConnection)
    }

    private func checkSuits(_ preset: Preset, _ target: Target) throws {
        if preset.suits(Kind.shape, target) { return }
        throw ValidationError(
            "--preset \(preset.rawValue) does not go with \(Kind.shape.rawValue) to \(target.description)"
        )
    }

    private func makePresetScript(_ target: Target, _ size: Int) throws -> Script {
        guard let preset else { return Script() }
        try checkSuits(preset, target)
        if preset == .smtp, send != nil || expect != nil || expectGreeting != nil {
            throw ValidationError("--preset smtp has its own words: leave out --send, --expect and --expect-greeting")
        }
        if preset == .echo, !Kind.connects { return Preset.echoedDatagram(size: size) }
        return preset.script(size: size, keepsConnections: Kind.shape.traits.keepsConnection)
    }

    /// What `--expect` says of the last reply; without it any reply will do where one can come.
    private func makeReply(_ target: Target) throws -> ReplyRule? {
        if let expect { return try pattern(expect, "--expect").map { .text($0) } }
        return target.isOneWay || !Kind.connects ? nil : .text(.anything)
    }

    // MARK: datagrams with numbers

    private func isNumbered(_ send: String, _ expect: String) throws -> Bool {
        let word = DatagramNumbers.word
        let (inSend, inExpect) = (!send.hasPrefix("@") && send.contains(word), expect.contains(word))
        if inSend != inExpect { throw ValidationError("\(word) belongs into both --send and --expect") }
        return inSend
    }

    private func makeNumberedScript(_ send: String, _ expect: String) throws -> Script {
        let (request, reply) = (try numbered(send, "--send"), try numbered(expect, "--expect"))
        let pattern = try reading("--expect") { try Pattern(text: reply.text) }
        var script = Script(request: try bytes(request.text), reply: pattern)
        script.numbers = DatagramNumbers(requestPlace: request.place, replyPlace: reply.place)
        return script
    }

    /// The text with zeros for the number, and at which byte that stands.
    private func numbered(_ text: String, _ option: String) throws -> (text: String, place: Int) {
        let word = DatagramNumbers.word
        guard let place = text.firstRange(of: word) else { return (text, 0) }
        let (before, behind) = (String(text[..<place.lowerBound]), String(text[place.upperBound...]))
        if behind.contains(word) { throw ValidationError("\(option): \(word) may be there once") }
        let start = try reading(option) { try Pattern(text: before) }
        if !start.isFixed { throw ValidationError("\(option): \(word) stands before the *") }
        let blank = String(decoding: DatagramNumbers.blank, as: UTF8.self)
        return (before + blank + behind, start.fixedCount)
    }

    private func check(_ script: Script, _ target: Target) throws {
        if target.isOneWay, script.awaitsAnything {
            throw ValidationError(
                "no reply comes on a FIFO: leave out --expect and --expect-greeting"
            )
        }
        if !Kind.connects, !script.opening.isEmpty {
            throw ValidationError("--expect-greeting: there is no greeting without a connection")
        }
        let isSilent = script.exchange.allSatisfy { $0.send.isEmpty }
        if isSilent, expect != nil {
            throw ValidationError("--expect is the reply to --send; what comes unasked is --expect-greeting")
        }
        // A connection alone is something here.
        if Kind.shape.traits.exchangesOnce { return }
        if isSilent, Kind.shape != .storm { throw ValidationError("nothing to say: give --preset, --send or --size") }
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
