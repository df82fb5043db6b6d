//===----------------------------------------------------------------------===//
// Quartermaster: BlockingClient, a client to wait for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A client to read from and write to. Each wait for the client, to send something or to receive some of it, lasts
/// `ipc_timeout` at most; a transfer that fails disconnects it as soon as the handler returns.
public struct BlockingClient: ~Copyable {
    public let client: Client
    private let input: DescriptorNumber
    private let output: DescriptorNumber
    private let limit: Int32
    private(set) var isOver = false
    /// Bytes that nobody has counted yet.
    private var received = 0
    private var sent = 0

    init(_ client: Client, input: DescriptorNumber, output: DescriptorNumber, milliseconds: Int64) {
        self.client = client
        self.input = input
        self.output = output
        limit = Int32(clamping: milliseconds)
    }

    /// Reads what there is, at least one byte.
    ///
    /// - Returns: how many bytes; 0 when the client has hung up.
    public mutating func read(into buffer: inout MutableRawSpan) throws(ServiceError) -> Int {
        do throws(SystemError) {
            while try input.waitForInput(milliseconds: limit) {
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
                if case .bytes(let count) = try output.write(bytes.extracting(done..<bytes.byteCount)) {
                    done += count
                    sent &+= count
                } else if try !output.waitForOutput(milliseconds: limit) {
                    break
                }
            }
        } catch {
            throw failure(ServiceError(error))
        }
        if done < bytes.byteCount { throw failure(ServiceError(reason: "timeout")) }
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
