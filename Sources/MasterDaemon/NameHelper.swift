//===----------------------------------------------------------------------===//
// Quartermaster: a process that asks the name services, so that master need not wait for them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// Names are looked up in a process of its own, because a resolver cannot be interrupted and may hold up its caller for
/// minutes.
struct NameHelper: ~Copyable {
    enum Progress: Equatable {
        /// Wait until the pipe is readable again.
        case unfinished
        case finished
        /// The helper is gone, or talks nonsense; this question has no answer.
        case failed(NameQuestion)
    }

    private let helper: HelperProcess
    private let questions: [NameQuestion]
    private var answered = 0
    /// The beginning of a line.
    private var rest: [UInt8] = []

    /// - Parameter born: is told the pid, whatever fails afterwards.
    static func start(_ questions: [NameQuestion], born: (Int32) -> Void) throws(SystemError) -> NameHelper {
        let helper = try HelperProcess.start(born: born) { answer(questions, on: $0) }
        return NameHelper(helper, questions)
    }

    private init(_ helper: consuming HelperProcess, _ questions: [NameQuestion]) {
        self.helper = helper
        self.questions = questions
    }

    /// Readable when there is something to `read`.
    var number: DescriptorNumber { helper.number }

    /// The question that the helper is at.
    var pending: NameQuestion? { answered < questions.count ? questions[answered] : nil }

    /// Reads what the helper has said so far.
    mutating func read(into book: NameBook) -> Progress {
        while let question = pending {
            let block: [UInt8]?
            do throws(SystemError) {
                block = try number.read(atMost: 4096)
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
    func end() { helper.end() }

    /// The helper's whole life.
    private static func answer(_ questions: [NameQuestion], on pipe: DescriptorNumber) -> Never {
        for question in questions { HelperProcess.write(question.answer().encoded, to: pipe) }
        exitAtOnce(ExitCode.success)
    }
}
