//===----------------------------------------------------------------------===//
// Quartermaster: what the name services of this machine say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import SystemCalls

/// Something that only a name service can answer: a resolver, NSS, a directory on another machine. It may take long.
enum NameQuestion: Hashable, Sendable {
    case host(String, SocketAddress.Family?)
    case port(String)
    case udpPort(String)
    case user(String)
    case group(String)

    /// For messages.
    var text: String {
        switch self {
        case .host(let name, _): "host \"\(name)\""
        case .port(let name): "service \"\(name)\""
        case .udpPort(let name): "udp service \"\(name)\""
        case .user(let name): "user \"\(name)\""
        case .group(let name): "group \"\(name)\""
        }
    }

    /// Asks, and waits for the answer.
    func answer() -> NameAnswer {
        switch self {
        case .host(let name, let family): .addresses((try? SystemCalls.addresses(ofHost: name, family: family)) ?? [])
        case .port(let name): tcpPort(named: name).map { .port($0) } ?? .unknown
        case .udpPort(let name): SystemCalls.udpPort(named: name).map { .port($0) } ?? .unknown
        case .user(let name): Self.answer { () throws(SystemError) in try userFacts(named: name).map { .user($0) } }
        case .group(let name): Self.answer { () throws(SystemError) in try groupFacts(named: name).map { .group($0) } }
        }
    }

    private static func answer(_ ask: () throws(SystemError) -> NameAnswer?) -> NameAnswer {
        do throws(SystemError) {
            return try ask() ?? .unknown
        } catch {
            return .failed(error)
        }
    }
}

enum NameAnswer: Equatable, Sendable {
    case unknown
    /// Nobody can tell, of users and groups.
    case failed(SystemError)
    case addresses([SocketAddress])
    case port(UInt16)
    case user(AccountFacts.User)
    case group(AccountFacts.Group)
}

/// Answers questions about names, each asked once: at start by asking and waiting; at a reload, where master may not
/// wait, from the answers that a helper process has brought. What it has no answer for yet is noted, and the
/// configuration is read again when the answers are there.
final class NameBook {
    enum Manner { case asking, noting }

    private let manner: Manner
    private var answers: [NameQuestion: NameAnswer] = [:]
    /// Questions without an answer, in the order of their asking; what was built without them counts for nothing.
    private(set) var open: [NameQuestion] = []

    init(_ manner: Manner) { self.manner = manner }

    /// Forgets which questions are open, for another reading; the answers stay.
    func closeQuestions() { open = [] }

    func add(_ answer: NameAnswer, to question: NameQuestion) { answers[question] = answer }

    /// Everything that is known, a line an answer; the lines of another book are taken in by `add(line:)`.
    var lines: [String] { answers.map { "\($0.key.encoded) \($0.value.encoded)" }.sorted() }

    enum Taking { case taken, noAnswer }

    func add(line: some StringProtocol) -> Taking {
        let words = String(line).split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, let question = NameQuestion(decoding: Array(words[..<3])),
            let answer = NameAnswer(decoding: String(words[3]))
        else { return .noAnswer }
        add(answer, to: question)
        return .taken
    }

    /// Empty for a host without addresses. An address in numbers is no question.
    func addresses(ofHost host: String, _ family: SocketAddress.Family? = nil) -> [SocketAddress] {
        if (try? SystemCalls.addresses(ofHost: host, numericOnly: true)) != nil {
            return (try? SystemCalls.addresses(ofHost: host, family: family, numericOnly: true)) ?? []
        }
        guard case .addresses(let addresses) = look(up: .host(host, family)) else { return [] }
        return addresses
    }

    func tcpPort(named name: String) -> UInt16? {
        guard case .port(let number) = look(up: .port(name)) else { return nil }
        return number
    }

    func udpPort(named name: String) -> UInt16? {
        guard case .port(let number) = look(up: .udpPort(name)) else { return nil }
        return number
    }

    func user(named name: String) -> AccountFacts.User? {
        guard case .user(let facts) = look(up: .user(name)) else { return nil }
        return facts
    }

    func group(named name: String) -> AccountFacts.Group? {
        guard case .group(let facts) = look(up: .group(name)) else { return nil }
        return facts
    }

    /// Why nobody can tell whether there is such a user or group; nil where that is known, or still has to be asked.
    func failure(of question: NameQuestion) -> SystemError? {
        guard case .failed(let error) = look(up: question) else { return nil }
        return error
    }

    private func look(up question: NameQuestion) -> NameAnswer {
        if let known = answers[question] { return known }
        switch manner {
        case .asking:
            let answer = question.answer()
            answers[question] = answer
            return answer
        case .noting:
            if !open.contains(question) { open.append(question) }
            return .unknown
        }
    }
}
