//===----------------------------------------------------------------------===//
// Quartermaster: a process that asks the name services, so that master need not wait for them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// Names are looked up in a copy of master, because a resolver cannot be interrupted and may hold up its caller for
/// minutes. The copy has one task and one descriptor, the pipe on which it answers: no lock, no listener, no channel.
/// It ends with its task, by `end`, or with master.
struct NameHelper: ~Copyable {
    enum Progress: Equatable {
        /// Wait until the pipe is readable again.
        case unfinished
        case finished
        /// The helper is gone, or talks nonsense; this question has no answer.
        case failed(NameQuestion)
    }

    let pid: Int32
    private let pipe: Descriptor
    private let questions: [NameQuestion]
    private var answered = 0
    /// The beginning of a line.
    private var rest: [UInt8] = []

    static func start(_ questions: [NameQuestion]) throws(SystemError) -> NameHelper {
        let ends = try makePipe(nonBlocking: false)
        guard let pid = try forkHelper(keeping: ends.second.number) else {
            answer(questions, on: ends.second.number)
        }
        let pipe = ends.keepingFirst()
        do throws(SystemError) {
            try pipe.number.setNonBlocking(true)
        } catch {
            try? sendSignal(.kill, to: pid)
            throw error
        }
        return NameHelper(pid: pid, pipe: pipe, questions: questions)
    }

    private init(pid: Int32, pipe: consuming Descriptor, questions: [NameQuestion]) {
        self.pid = pid
        self.pipe = pipe
        self.questions = questions
    }

    /// Readable when there is something to `read`.
    var number: DescriptorNumber { pipe.number }

    /// The question that the helper is at.
    var pending: NameQuestion? { answered < questions.count ? questions[answered] : nil }

    /// Reads what the helper has said so far.
    mutating func read(into book: NameBook) -> Progress {
        while let question = pending {
            let block: [UInt8]?
            do throws(SystemError) {
                block = try pipe.number.read(atMost: 4096)
            } catch {
                return .failed(question)
            }
            guard let block else { return .unfinished }
            if block.isEmpty { return .failed(question) }
            rest += block
            guard addAnswers(to: book) else { return pending.map { .failed($0) } ?? .finished }
        }
        return .finished
    }

    /// Adds what the complete lines say; false for one that is no answer.
    private mutating func addAnswers(to book: NameBook) -> Bool {
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            guard let question = pending, let answer = NameAnswer(decoding: line) else { return false }
            book.add(answer, to: question)
            answered += 1
            rest.removeSubrange(...end)
        }
        return true
    }

    /// Ends a helper whose answers are no longer wanted; master reaps it like any other child.
    func end() { try? sendSignal(.kill, to: pid) }

    /// The helper's whole life.
    private static func answer(_ questions: [NameQuestion], on pipe: DescriptorNumber) -> Never {
        for question in questions {
            var line = Array((question.answer().encoded + "\n").utf8)[...]
            while !line.isEmpty {
                guard case .bytes(let count)? = try? pipe.write(Array(line)) else { exitAtOnce(ExitCode.failure) }
                line = line.dropFirst(count)
            }
        }
        exitAtOnce(ExitCode.success)
    }
}
