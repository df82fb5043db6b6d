//===----------------------------------------------------------------------===//
// Quartermaster: requests as lines: writing and reading
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText

/// A line that is no request, and why.
package struct RequestProblem: Error, Equatable, Sendable {
    /// For the person who asked.
    package let text: String
}

extension ControlRequest {
    /// Without the newline. A service whose name is no single word cannot be named: `init(line:)` refuses it.
    package var line: [UInt8] { words.joined(separator: " ").rawBytes }

    private var words: [String] {
        switch self {
        case .check, .version: [verb.rawValue]
        case .reload(let all): [verb.rawValue] + (all ? ["\(Key.all.rawValue)=yes"] : [])
        case .drain(let service, let drain):
            [verb.rawValue] + (service.map { [$0.text] } ?? [])
                + (drain.timeoutSeconds.map { ["\(Key.timeout.rawValue)=\($0)"] } ?? [])
                + (drain.refuses ? ["\(Key.refuse.rawValue)=yes"] : [])
        case .resume(let service): [verb.rawValue] + (service.map { [$0.text] } ?? [])
        case .release(let service), .retire(let service), .disable(let service), .enable(let service):
            [verb.rawValue, service.text]
        case .verbose(let isOn): [verb.rawValue, isOn ? "on" : "off"]
        case .upgrade(let program): [verb.rawValue] + (program.map { ["\(Key.path.rawValue)=\($0)"] } ?? [])
        case .stop(let seconds): [verb.rawValue] + (seconds.map { ["\(Key.timeout.rawValue)=\($0)"] } ?? [])
        }
    }

    /// Reads what `line` wrote. Anything else is refused, with a reason: an unknown word may be a mistake in one that
    /// matters.
    package init(line: [UInt8]) throws(RequestProblem) {
        if line.count > Self.longestLine { throw RequestProblem(text: "the request is too long") }
        guard line.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
            throw RequestProblem(text: "the request has control characters")
        }
        var words = RequestWords(String(rawBytes: line))
        guard let first = words.next() else { throw RequestProblem(text: "the request is empty") }
        guard let verb = Verb(rawValue: first) else { throw RequestProblem(text: "unknown request \"\(first)\"") }
        switch verb {
        case .reload:
            var all = false
            while let (key, value) = try words.nextOption() {
                guard key == .all else { throw RequestProblem(text: "reload knows no \(key.rawValue)") }
                all = try Self.decision(value, "yes", "no")
            }
            self = .reload(all: all)
        case .check: self = .check
        case .version: self = .version
        case .drain:
            let service = words.nextService()
            var drain = Drain()
            while let (key, value) = try words.nextOption() {
                switch key {
                case .timeout: drain.timeoutSeconds = try Self.seconds(value)
                case .refuse: drain.refuses = try Self.decision(value, "yes", "no")
                case .path, .all: throw RequestProblem(text: "drain knows no \(key.rawValue)")
                }
            }
            self = .drain(service, drain)
        case .resume: self = .resume(words.nextService())
        case .release: self = .release(try words.neededService(verb))
        case .retire: self = .retire(try words.neededService(verb))
        case .disable: self = .disable(try words.neededService(verb))
        case .enable: self = .enable(try words.neededService(verb))
        case .verbose: self = .verbose(try Self.decision(words.next() ?? "", "on", "off"))
        case .upgrade:
            var program: String?
            while let (key, value) = try words.nextOption() {
                guard key == .path else { throw RequestProblem(text: "upgrade knows no \(key.rawValue)") }
                guard value.hasPrefix("/") else { throw RequestProblem(text: "path is the absolute path of a program") }
                program = value
            }
            self = .upgrade(program: program)
        case .stop:
            var seconds: Int?
            while let (key, value) = try words.nextOption() {
                guard key == .timeout else { throw RequestProblem(text: "stop knows no \(key.rawValue)") }
                seconds = try Self.seconds(value)
            }
            self = .stop(timeoutSeconds: seconds)
        }
        if let surplus = words.next() { throw RequestProblem(text: "\(verb.rawValue): unexpected \"\(surplus)\"") }
    }

    fileprivate enum Key: String { case timeout, refuse, path, all }

    private static func seconds(_ text: String) throws(RequestProblem) -> Int {
        // Int takes a sign.
        guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let seconds = Int(text), seconds <= longestTimeout else {
            throw RequestProblem(text: "timeout is a number of seconds, at most \(longestTimeout)")
        }
        return seconds
    }

    private static func decision(_ text: String, _ yes: String, _ no: String) throws(RequestProblem) -> Bool {
        switch text {
        case yes: return true
        case no: return false
        default: throw RequestProblem(text: "\"\(text)\" is neither \(yes) nor \(no)")
        }
    }
}

/// The words of a line, one after the other.
private struct RequestWords {
    private var words: ArraySlice<Substring>
    private var seen: Set<ControlRequest.Key> = []

    init(_ line: String) { words = line.split(separator: " ")[...] }

    mutating func next() -> String? { words.popFirst().map { String($0) } }

    /// The next word, unless it is an option.
    mutating func nextService() -> ServiceReference? {
        guard let word = words.first, option(word) == nil else { return nil }
        words.removeFirst()
        return ServiceReference(String(word))
    }

    mutating func neededService(_ verb: ControlRequest.Verb) throws(RequestProblem) -> ServiceReference {
        guard let service = nextService() else { throw RequestProblem(text: "\(verb.rawValue) needs a service") }
        return service
    }

    /// The next word, if it is an option; each may come once.
    mutating func nextOption() throws(RequestProblem) -> (key: ControlRequest.Key, value: String)? {
        guard let word = words.first, let found = option(word) else { return nil }
        words.removeFirst()
        guard seen.insert(found.key).inserted else {
            throw RequestProblem(text: "\(found.key.rawValue) is there twice")
        }
        return found
    }

    private func option(_ word: Substring) -> (key: ControlRequest.Key, value: String)? {
        guard let equals = word.firstIndex(of: "="), let key = ControlRequest.Key(rawValue: String(word[..<equals]))
        else { return nil }
        return (key, String(word[word.index(after: equals)...]))
    }
}
