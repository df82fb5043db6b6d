//===----------------------------------------------------------------------===//
// Quartermaster: one request to master, and its answer as it comes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import ConfigLoading
import MasterConfig
import MasterControl
import MasterOverview
import MasterProtocol
import StatusPage
import SystemCalls
import TerminalText

/// A connection to the control socket of the master of one configuration.
struct Conversation {
    private static let socketPath = "pid/master.control"
    private static let pagePath = "pid/master.status"
    /// How often is looked whether master can answer at all, while it does not.
    private static let lookMilliseconds: Int64 = 2000
    /// After so long without a word, whoever waits is told what for; and again after a minute.
    private static let patienceMilliseconds: Int64 = 3000
    private static let laterMilliseconds: Int64 = 60_000

    private let system: MailSystem
    private var queueDirectory: String { system.settings.queueDirectory }

    /// Finds the queue directory, and goes there: paths of sockets must be short.
    init(configDirectory given: String?) throws {
        system = try MailSystem(configDirectory: given)
        do throws(SystemError) {
            try changeDirectory(system.settings.queueDirectory)
        } catch {
            throw Self.failure("\(system.settings.queueDirectory): \(error.reason)")
        }
    }

    /// Asks, prints the answer, and throws the exit status that goes with it.
    ///
    /// - Parameter limit: seconds to wait for the answer; nil: as long as it takes.
    func hold(_ request: ControlRequest, asJSON: Bool, within limit: Int? = nil) throws {
        let socket = try ask(request)
        let end = limit.map { Self.now + Int64($0) * 1000 }
        var (nextLook, nextWord) = (Self.now + Self.lookMilliseconds, Self.now + Self.patienceMilliseconds)
        var lines = ReplyLines()
        while true {
            let wait = min(nextLook, nextWord, end ?? .max) - Self.now
            if try !socket.number.waitForInput(milliseconds: Int32(clamping: max(wait, 0))) {
                if let end, Self.now >= end {
                    throw Self.failure(
                        "no answer within \(limit ?? 0) s: what was asked for goes on, and the log tells how it ends"
                    )
                }
                if Self.now >= nextLook {
                    if let why = Self.whyUnheard(socket.number) { throw Self.failure(why) }
                    nextLook = Self.now + Self.lookMilliseconds
                }
                if Self.now >= nextWord {
                    complain(Self.waitText(request))
                    nextWord = Self.now + Self.laterMilliseconds
                }
                continue
            }
            guard let piece = try socket.number.read(atMost: 64 * 1024), !piece.isEmpty else {
                throw Self.failure("master closed the connection without a result")
            }
            for line in lines.take(piece) {
                if let status = show(line, asJSON: asJSON) {
                    if status == .ok { return }
                    throw ExitCode.failure
                }
            }
        }
    }

    private static var now: Int64 { Clock.monotonicNanoseconds() / 1_000_000 }

    // MARK: while there is no answer

    /// What keeps master from hearing us; nil when it may just have something to do.
    private static func whyUnheard(_ socket: DescriptorNumber) -> String? {
        let page = try? PageFile.read(pagePath, [])
        guard let pid = (try? socket.peerCredentials().processID) ?? page?.master.pid else { return nil }
        let end = "what was asked for is done when it goes on"
        if MailSystem.life(ofMaster: pid) == .isStopped {
            return "master (pid \(pid)) is stopped (SIGSTOP or a debugger), so nobody answers: let it go on with"
                + " kill -CONT \(pid); \(end)"
        }
        guard let page, page.master.pid == pid else { return nil }
        let sight = Sight(page, now: now, life: .runs)
        if sight.isCurrent { return nil }
        return "master (pid \(pid)) has said nothing for \(span(sight.silence)): it hangs; see what it does with"
            + " strace -p \(pid) or gdb -p \(pid); \(end)"
    }

    /// What keeps master from an answer, as far as the status page tells.
    private static func waitText(_ request: ControlRequest) -> String {
        let end = "; to interrupt this command does not undo what was asked for"
        let (service, timeout): (ServiceReference?, Int?)
        switch request {
        case .drain(let reference, let drain): (service, timeout) = (reference, drain.timeoutSeconds)
        case .stop(let seconds): (service, timeout) = (nil, seconds)
        case .reload, .check, .resume, .release, .retire, .disable, .enable, .verbose, .upgrade, .version:
            return "master is still busy with \(request.verb.rawValue)" + end
        }
        guard let page = try? PageFile.read(pagePath) else { return "master still waits for processes to leave" + end }
        let left = Sight(page, now: now, life: .runs).leftText(of: service?.text)
        let help = timeout == nil ? " (the same with --timeout would end them)" : ""
        return "waiting: " + left + help + end
    }

    // MARK: asking

    private func ask(_ request: ControlRequest) throws(ExitCode) -> Descriptor {
        do throws(SystemError) {
            let socket = try makeSocket(.unix, .stream)
            // The path is short.
            if let address = SocketAddress(unixPath: Self.socketPath) { try socket.number.connect(to: address) }
            do throws(SystemError) {
                try sendAll(request.line + Array("\n".utf8), to: socket.number)
            } catch {
                // Whom master does not let in, it tells why before it hangs up.
                guard error.code == .brokenPipe || error.code == .connectionReset else { throw error }
            }
            return socket
        } catch {
            throw notReached(request, error)
        }
    }

    private func sendAll(_ bytes: [UInt8], to number: DescriptorNumber) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard case .bytes(let count) = try number.send(Array(rest), waiting: true) else { continue }
            rest = rest.dropFirst(count)
        }
    }

    private func notReached(_ request: ControlRequest, _ error: SystemError) -> ExitCode {
        switch error.code {
        case .noSuchFileOrDirectory, .connectionRefused:
            if let pid = MailSystem.runningMaster(in: queueDirectory) {
                return Self.failure(
                    "master runs (pid \(pid)), but nobody can ask it: \(queueDirectory)/\(Self.socketPath) was removed, or"
                        + " could not be made, which the log tells. kill -HUP \(pid) reloads, and makes it again"
                )
            }
            let text = "no master that can be steered is running in \(queueDirectory)"
            complain(text + ". " + cure(request))
            return .notRunning
        case .permissionDenied:
            complain("\(queueDirectory)/\(Self.socketPath): only root, and the user who runs this master, may steer it")
            return .failure
        default: return Self.failure("\(queueDirectory)/\(Self.socketPath): \(error.description)")
        }
    }

    private func cure(_ request: ControlRequest) -> String {
        switch request {
        case .check: return "Without one, master --check -c \(system.settings.configDirectory) looks at the files."
        default:
            return
                "Start it, or name the configuration that it runs on with -c; masterctl status tells what became of it."
                + MailSystem.queueHint
        }
    }

    // MARK: showing

    /// Prints a line of the answer; the result's status, if it is one. Who answers need not be master, so nothing of it
    /// reaches a terminal as it came.
    private func show(_ line: String, asJSON: Bool) -> ControlReply.Status? {
        // Of a master that knows more than we do.
        guard let reply = ControlReply(json: line) else { return nil }
        if asJSON { printLine(reply.json) }
        if case .result(let status, let text) = reply {
            if !asJSON { status == .ok ? printLine(printable(text)) : complain(printable(text)) }
            return status
        }
        if !asJSON { printLine(reply.text) }
        return nil
    }

    private static func failure(_ text: String) -> ExitCode {
        complain(text)
        return .failure
    }
}

extension ControlReply {
    /// For people, fit for a terminal.
    fileprivate var text: String {
        switch self {
        case .problem(let problem):
            let place = problem.file.map(printable).map { file in
                problem.line.map { ConfigProblem.Place.line($0, of: file) } ?? .file(file)
            }
            let (text, cure) = (printable(problem.text), problem.cure.map(printable))
            return switch problem.severity {
            case .info: ConfigProblem.info(text, at: place, cure: cure).report
            case .warning: ConfigProblem.warning(text, at: place, cure: cure).report
            case .fatal: ConfigProblem.fatal(text, at: place, cure: cure).report
            }
        case .change(let change, let service): return "\(change.rawValue) \(printable(service))"
        case .progress(let text): return printable(text)
        case .result(_, let text): return printable(text)
        }
    }
}
