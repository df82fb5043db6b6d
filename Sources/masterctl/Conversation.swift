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

/// A connection to the control socket of the master of one configuration.
struct Conversation {
    private static let socketPath = "pid/master.control"
    private static let pagePath = "pid/master.status"
    /// After so long without a word, whoever waits is told what for; and again after a minute.
    private static let patienceMilliseconds: Int32 = 3000
    private static let laterMilliseconds: Int32 = 60_000

    private let queueDirectory: String

    /// Finds the queue directory, and goes there: paths of sockets must be short.
    init(configDirectory given: String?) throws {
        let directory = given ?? configDirectory()
        EnvironmentName.mailConfig.set(directory)
        var loaded = loadMainConfig(directory: directory, processName: "master", waitsUntilSettled: false)
        if loaded.bytes.isEmpty, let problem = loaded.problems.firstFatal { throw Self.failure(problem.message) }
        queueDirectory = evaluateSettings(&loaded.dictionary, host: loaded.host).settings.queueDirectory
        do throws(SystemError) {
            try changeDirectory(queueDirectory)
        } catch {
            throw Self.failure("\(queueDirectory): \(error.reason)")
        }
    }

    /// Asks, prints the answer, and throws the exit status that goes with it.
    func hold(_ request: ControlRequest, asJSON: Bool) throws {
        let socket = try ask(request)
        var patience = Self.patienceMilliseconds
        var rest: [UInt8] = []
        while true {
            if try !socket.number.waitForInput(milliseconds: patience) {
                complain(Self.waitText(request))
                patience = Self.laterMilliseconds
                continue
            }
            guard let piece = try socket.number.read(atMost: 64 * 1024), !piece.isEmpty else {
                throw Self.failure("master closed the connection without a result")
            }
            rest += piece
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                if let status = show(line, asJSON: asJSON) {
                    if status == .ok { return }
                    throw ExitCode.failure
                }
            }
        }
    }

    /// What keeps master from an answer, as far as the status page tells.
    private static func waitText(_ request: ControlRequest) -> String {
        let end = "; to interrupt this command does not undo what was asked for"
        let (service, timeout): (ServiceReference?, Int?)
        switch request {
        case .drain(let reference, let drain): (service, timeout) = (reference, drain.timeoutSeconds)
        case .stop(let seconds): (service, timeout) = (nil, seconds)
        case .reload, .check, .resume, .release, .retire, .disable, .enable, .verbose, .upgrade, .version:
            return "master is still at it" + end
        }
        let now = Clock.monotonicNanoseconds() / 1_000_000
        guard let page = try? PageFile.read(pagePath) else { return "master is still at it" + end }
        let left = Sight(page, now: now, life: .runs).leftText(of: service?.text)
        let help = timeout == nil ? " (the same with --timeout would end them)" : ""
        return "waiting: " + left + help + end
    }

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
            throw notReached(error)
        }
    }

    private func sendAll(_ bytes: [UInt8], to number: DescriptorNumber) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard case .bytes(let count) = try number.send(Array(rest), waiting: true) else { continue }
            rest = rest.dropFirst(count)
        }
    }

    private func notReached(_ error: SystemError) -> ExitCode {
        switch error.code {
        case .noSuchFileOrDirectory, .connectionRefused:
            if let pid = MailSystem.runningMaster(in: queueDirectory) {
                return Self.failure(
                    "master runs (pid \(pid)), but nobody can ask it: \(queueDirectory)/\(Self.socketPath) was removed, or"
                        + " could not be made, which the log tells. kill -HUP \(pid) reloads, and makes it again"
                )
            }
            complain("no master that can be steered is running in \(queueDirectory)")
            return .notRunning
        case .permissionDenied:
            complain("\(queueDirectory)/\(Self.socketPath): only root, and the user who runs this master, may steer it")
            return .failure
        default: return Self.failure("\(queueDirectory)/\(Self.socketPath): \(error.description)")
        }
    }

    /// Prints a line of the answer; the result's status, if it is one.
    private func show(_ line: String, asJSON: Bool) -> ControlReply.Status? {
        let reply = ControlReply(json: line)
        if asJSON { printLine(line) }
        switch reply {
        case .result(let status, let text)?:
            if !asJSON { status == .ok ? printLine(text) : complain(text) }
            return status
        case let reply?: if !asJSON { printLine(reply.text) }
        // Of a master that knows more than we do.
        case nil: break
        }
        return nil
    }

    private static func failure(_ text: String) -> ExitCode {
        complain(text)
        return .failure
    }
}

extension ControlReply {
    /// For people.
    fileprivate var text: String {
        switch self {
        case .problem(let problem):
            let place = problem.file.map { file in
                problem.line.map { ConfigProblem.Place.line($0, of: file) } ?? .file(file)
            }
            let text = problem.text
            return switch problem.severity {
            case .info: ConfigProblem.info(text, at: place, cure: problem.cure).report
            case .warning: ConfigProblem.warning(text, at: place, cure: problem.cure).report
            case .fatal: ConfigProblem.fatal(text, at: place, cure: problem.cure).report
            }
        case .change(let change, let service): return "\(change.rawValue) \(service)"
        case .progress(let text): return text
        case .result(_, let text): return text
        }
    }
}
