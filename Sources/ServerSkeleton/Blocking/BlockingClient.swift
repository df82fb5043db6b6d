//===----------------------------------------------------------------------===//
// Quartermaster: BlockingClient, a client to wait for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A client to read from and write to. Each wait for the client, to send something or to receive some of it, lasts
/// `ipc_timeout` at most; a transfer that fails disconnects it as soon as the handler returns.
public struct BlockingClient: ~Copyable {
    /// What a transfer that has to wait does.
    enum Waiting {
        /// The descriptor does not block: it is waited for before the next try.
        case inPoll
        /// The descriptor blocks, for code that is not ours; and the process has nobody else to serve, so that each
        /// transfer is progress.
        case inCalls
    }

    public let client: Client
    private let input: DescriptorNumber
    private let output: DescriptorNumber
    private let limit: Int32
    private let waiting: Waiting
    private(set) var isOver = false
    /// Bytes that nobody has counted yet.
    private var received = 0
    private var sent = 0

    init(
        _ client: Client,
        input: DescriptorNumber,
        output: DescriptorNumber,
        milliseconds: Int64,
        waiting: Waiting = .inPoll
    ) {
        self.client = client
        self.input = input
        self.output = output
        self.waiting = waiting
        limit = Int32(clamping: milliseconds)
    }

    /// The number of the descriptor that the client's bytes come from, and of the one that it reads from: the same but
    /// for a one-shot process. For a program that is started to talk with the client, or a library that wants a
    /// descriptor. It blocks in a `SingleService` and does not in a `BlockingStreamService`; it stays open until the
    /// handler returns, and is not for the handler to close.
    public var inputDescriptor: Int32 { input.rawValue }
    public var outputDescriptor: Int32 { output.rawValue }

    /// Reads what there is, at least one byte.
    ///
    /// - Returns: how many bytes; 0 when the client has hung up.
    public mutating func read(into buffer: inout MutableRawSpan) throws(ServiceError) -> Int {
        do throws(SystemError) {
            while try waits(for: .input) {
                switch try input.read(into: &buffer) {
                case .bytes(let count):
                    received &+= count
                    return count
                case .endOfFile:
                    isOver = true
                    return 0
                case .wouldBlock: continue
                }
            }
        } catch {
            throw failure(ServiceError(error))
        }
        throw failure(ServiceError(reason: "timeout"))
    }

    /// Writes all of `bytes`.
    public mutating func write(_ bytes: RawSpan) throws(ServiceError) {
        var done = 0
        do throws(SystemError) {
            while done < bytes.byteCount {
                if case .bytes(let count) = try put(bytes.extracting(done..<bytes.byteCount)) {
                    done += count
                    sent &+= count
                } else if try !waits(for: .output) {
                    break
                }
            }
        } catch {
            throw failure(ServiceError(error))
        }
        if done < bytes.byteCount { throw failure(ServiceError(reason: "timeout")) }
    }

    /// Writes as much as there is room for.
    private func put(_ bytes: RawSpan) throws(SystemError) -> Transfer {
        guard waiting == .inCalls else { return try output.write(bytes) }
        do throws(SystemError) {
            return try output.send(bytes)
        } catch {
            if error.code != .notSocket { throw error }
        }
        // A pipe or a terminal of a one-shot process, or one that was passed to us: one that has room has it for this.
        if try !output.waitForOutput(milliseconds: 0) { return .wouldBlock }
        return try output.write(bytes.extracting(0..<min(bytes.byteCount, Self.leastRoom)))
    }

    /// PIPE_BUF.
    private static let leastRoom = 4096

    private enum Direction { case input, output }

    /// Whether the client did its part within the limit.
    private func waits(for direction: Direction) throws(SystemError) -> Bool {
        if waiting == .inCalls { Watchdog.waitBegins() }
        defer { if waiting == .inCalls { Watchdog.waitEnded() } }
        switch direction {
        case .input: return try input.waitForInput(milliseconds: limit)
        case .output: return try output.waitForOutput(milliseconds: limit)
        }
    }

    /// Ends the connection when the handler returns.
    public mutating func disconnect() { isOver = true }

    /// Waits for the client to send something. Ended: it hung up, was silent for too long, or is to leave.
    func waitForRequest() -> Reception {
        if isOver { return .ended }
        let isThere = (try? input.waitForInput(milliseconds: limit)) ?? false
        return isThere ? hasInput() : .ended
    }

    /// Whether a client that became readable has sent something, or has hung up. Standard input may be a file, which
    /// always has something to read, if only its end.
    func hasInput() -> Reception {
        guard let count = try? input.unreadBytes() else { return .some }
        return count > 0 ? .some : .ended
    }

    mutating func takeCounts() -> (received: Int, sent: Int) {
        defer { (received, sent) = (0, 0) }
        return (received, sent)
    }

    private mutating func failure(_ error: ServiceError) -> ServiceError {
        isOver = true
        return error
    }
}
