//===----------------------------------------------------------------------===//
// Quartermaster: a state file of a test, and decisions to save in it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport

@testable import PolicyJournal

/// Rules, and decisions under them that change as many records as the test wants.
enum Deciding {
    static let rules = rules([.clientMessages, .senderMessages, .senderRecipients])

    static func rules(_ limits: [RateLimit], autoAllowAfter: Int = 0) -> PolicyRules {
        let greylist = GreylistRules(
            delay: 10,
            retryWindow: 1 << 30,
            lifetime: 1 << 30,
            autoAllowAfter: autoAllowAfter
        )
        var rules = PolicyRules(greylist: greylist, rates: RateRules(timeUnit: 3600))
        for limit in limits { rules.rates[limit] = 1_000_000 }
        return rules
    }

    /// A stranger is one record; the same one later is a record of the triplet and one for each limit.
    @discardableResult
    static func ask(_ state: inout PolicyState, _ sender: Int, at seconds: Int64) -> PolicyVerdict {
        let text = """
            request=smtpd_access_policy
            protocol_state=RCPT
            client_address=192.0.2.7
            sender=\(sender)@example.com
            recipient=b@example.org
            instance=\(sender).\(seconds)


            """
        let bytes = Array(text.utf8)
        guard case .whole(let request, _) = PolicyRequest.parse(bytes.span.bytes) else { return .unconcerned }
        let lists = AllowLists(key: HashKey(first: 0, second: 0))
        return state.decide(request, bytes.span.bytes, lists, now: seconds * 1_000_000)
    }
}

/// A directory with a state file.
final class JournalScene {
    let home: TemporaryDirectory
    static let name = "policyd.state"
    var path: String { home.file(Self.name) }

    init() throws { home = try TemporaryDirectory("qm-journal") }

    /// A child that another test is starting holds the lock of what we closed until its exec.
    func open(waitingAtMost milliseconds: Int = 10_000) throws(JournalProblem) -> Journal {
        let directory: Descriptor
        do throws(SystemError) {
            directory = try openFile(home.path, [.readOnly, .directory])
        } catch {
            throw .cannot(doing: "open", error)
        }
        return try Journal(in: directory, named: Self.name, waitingAtMost: milliseconds)
    }

    /// Opens it, reads everything, and closes it.
    func contents() throws -> (records: [StateRecord], findings: Journal.Findings, key: HashKey) {
        var journal = try open()
        var records: [StateRecord] = []
        try journal.replayEach { records.append($0) }
        return (records, journal.findings, journal.key)
    }

    /// A file with the records of so many decisions, each of four records but the first half, of one; returns them.
    @discardableResult
    func fill(_ senders: Int) throws -> [StateRecord] {
        var journal = try open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 0) }
        var written: [StateRecord] = []
        for (sender, seconds) in (0..<senders).map({ ($0, Int64(1000)) }) + (0..<senders).map({ ($0, Int64(1010)) }) {
            _ = Deciding.ask(&state, sender, at: seconds)
            try journal.append(state.changes)
            written += state.changes.all
        }
        return written
    }

    var bytes: [UInt8] {
        get { FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? [] }
        set {
            _ = FileManager.default.createFile(
                atPath: path,
                contents: Data(newValue),
                attributes: [.posixPermissions: 0o600]
            )
        }
    }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: home.path)) ?? []).sorted() }
}

extension PolicyState {
    mutating func allRecords() -> [StateRecord] {
        var found: [StateRecord] = []
        beginWalk()
        while let record = nextRecord() { found.append(record) }
        return found
    }
}

extension StateChanges {
    var all: [StateRecord] { (0..<count).map { self[$0] } }
}

extension Journal {
    /// One record after the other.
    mutating func replayEach(_ body: (StateRecord) -> Void) throws(SystemError) {
        try replay { (records: borrowing StateRecords) in
            for index in 0..<records.count { body(records[index]) }
        }
    }

    /// All steps at once.
    mutating func rewrite(_ state: inout PolicyState) throws(SystemError) {
        try beginRewrite(&state)
        while try !continueRewrite(&state) {}
        try finishRewrite()
    }
}

/// What is known in the end: the last record of each key.
func folded(_ records: [StateRecord]) -> [UInt64: StateRecord] {
    Dictionary(records.map { ($0.key, $0) }) { $1 }
}
