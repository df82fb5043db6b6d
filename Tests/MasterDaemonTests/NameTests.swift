//===----------------------------------------------------------------------===//
// Quartermaster: tests of names that are looked up by another process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Foundation
import MasterConfig
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite("Looking names up") struct NameTests {
    static let answers: [NameAnswer] = [
        .unknown, .addresses([]), .addresses([SocketAddress(ipv4: [127, 0, 0, 1], port: 0)]),
        .addresses([
            SocketAddress(ipv4: [255, 0, 1, 16], port: 65535),
            SocketAddress(ipv6: (0..<16).map { UInt8($0 * 17) }, port: 25, scope: 3),
        ]),
        .port(0), .port(65535), .user(AccountFacts.User(userID: 0, groupID: UInt32.max, nameByID: nil)),
        .user(AccountFacts.User(userID: 1, groupID: 2, nameByID: "")),
        .user(AccountFacts.User(userID: 1, groupID: 2, nameByID: "a b\nc -ü")),
        .failed(SystemError(.getpwnam, .tooManyOpenFiles)),
        .group(AccountFacts.Group(groupID: 7, nameByID: "staff")), .group(AccountFacts.Group(groupID: 7)),
    ]

    @Test("An answer arrives as it was sent", arguments: answers)
    func roundTrip(_ answer: NameAnswer) {
        #expect(NameAnswer(decoding: answer.encoded) == answer)
        #expect(!answer.encoded.utf8.contains(UInt8(ascii: "\n")))
    }

    @Test("A book that is written out line by line knows the same when it is read")
    func lines() {
        let book = NameBook(.noting)
        let questions: [NameQuestion] = [
            .host("a b", nil), .host("", .ipv4), .host("a b", .ipv6), .port("smtp"), .user("ü"), .group("-"),
        ]
        for (question, answer) in zip(questions, Self.answers.dropFirst()) { book.add(answer, to: question) }
        let copy = NameBook(.noting)
        for line in book.lines { #expect(copy.add(line: line) == .taken, "\(line)") }
        #expect(copy.lines == book.lines && copy.lines.count == questions.count)
        for line in [
            "", "host 61", "host 61 any", "port 61 any unknown", "host 6 any unknown", "host 61 unix x",
            "x 61 - unknown",
        ] {
            #expect(copy.add(line: line) == .noAnswer, "\(line)")
        }
    }

    @Test(
        "What is no answer is not taken for one",
        arguments: [
            "", " ", "unknown ", "port", "port 65536", "port x", "user 1 2", "user 1 2 3", "user -1 2 -", "group 1 zz",
            "failed 00 24", "failed 676574 x", "addresses 7f", "addresses 0200", "addresses +1", "host 1",
        ]
    )
    func nonsense(_ line: String) {
        #expect(NameAnswer(decoding: line) == nil)
    }

    @Test("A book that notes has no answer until it is given one, and asks each question once")
    func noting() throws {
        let book = NameBook(.noting)
        #expect(book.addresses(ofHost: "localhost").isEmpty)
        #expect(book.addresses(ofHost: "localhost").isEmpty)
        #expect(book.user(named: "root") == nil)
        #expect(book.addresses(ofHost: "127.0.0.9").map(\.hostText) == ["127.0.0.9"], "numbers are no question")
        #expect(book.open == [.host("localhost", nil), .user("root")])
        book.add(.user(AccountFacts.User(userID: 0, groupID: 0)), to: .user("root"))
        book.closeQuestions()
        #expect(book.user(named: "root")?.userID == 0)
        #expect(book.open.isEmpty)
    }

    @Test("A helper answers what asking here answers")
    func helper() async {
        await #expect(processExitsWith: .success) {
            let questions: [NameQuestion] = [
                .user("root"), .user("no such user"), .group("root"), .port("smtp"), .host("localhost", nil),
            ]
            let book = NameBook(.noting)
            var pid: Int32 = 0
            var helper = try NameHelper.start(questions) { pid = $0 }
            while true {
                let progress = helper.read(into: book)
                guard progress == .unfinished else {
                    #expect(progress == .finished)
                    break
                }
                guard try helper.number.waitForInput(milliseconds: 90_000) else { break }
            }
            let here = NameBook(.asking)
            #expect(book.user(named: "root") == here.user(named: "root"))
            #expect(book.user(named: "no such user") == nil)
            #expect(book.group(named: "root") == here.group(named: "root"))
            #expect(book.tcpPort(named: "smtp") == here.tcpPort(named: "smtp"))
            #expect(book.addresses(ofHost: "localhost") == here.addresses(ofHost: "localhost"))
            #expect(book.open.isEmpty)
            #expect(try waitForChild(pid) == .exited(status: 0))
        }
    }

    @Test("A helper that cannot tell whether there is a user says so, and does not say that there is none")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            FaultPlan.fail(.getpwnam, with: .tooManyOpenFiles)
            FaultPlan.fail(.getgrnam, with: .ioError)
            let questions: [NameQuestion] = [.user("root"), .group("root")]
            let book = NameBook(.noting)
            var helper = try NameHelper.start(questions) { _ in }
            while helper.read(into: book) == .unfinished {
                guard try helper.number.waitForInput(milliseconds: 30_000) else { break }
            }
            #expect(book.failure(of: questions[0]) == SystemError(.getpwnam, .tooManyOpenFiles))
            #expect(book.failure(of: questions[1]) == SystemError(.getgrnam, .ioError))
            #expect(book.failure(of: .user("none")) == nil && book.open == [.user("none")])
        }
    }

    @Test("A helper that is killed has not answered the rest")
    func killed() async {
        await #expect(processExitsWith: .success) {
            var pid: Int32 = 0
            var helper = try NameHelper.start([.user("root"), .user("root")]) { pid = $0 }
            helper.end()
            _ = try waitForChild(pid)
            let book = NameBook(.noting)
            while true {
                let progress = helper.read(into: book)
                if progress == .finished || progress == .failed(.user("root")) { break }
                guard try helper.number.waitForInput(milliseconds: 90_000) else {
                    Issue.record("the pipe of a dead helper stays silent")
                    break
                }
            }
        }
    }

    @Test("A helper that cannot be listened to is ended, and whoever buries it knows it")
    func unheard() async {
        await #expect(processExitsWith: .success) {
            var pid: Int32 = 0
            FaultPlan.fail(.fcntl, with: .noMemory)
            #expect(throws: SystemError(.fcntl, .noMemory)) {
                _ = try NameHelper.start([.user("root")]) { pid = $0 }
            }
            #expect(pid > 0)
            // It may have answered already.
            #expect((try? waitForChild(pid)) != nil)
        }
    }
}
