//===----------------------------------------------------------------------===//
// Quartermaster: services that have to wait for the client they talk to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A stream service that reads and writes as if it had one client only: whoever sent something is served until the
/// handler returns, and everybody else waits meanwhile. For services that cannot be written as a `StreamService`, for
/// instance because a library they use does the talking.
public protocol BlockingStreamService: Service, ~Copyable {
    /// A client connected. A service that speaks first writes its greeting. Default: nothing.
    mutating func clientArrived(_ client: inout BlockingClient)

    /// A client has sent something: read it, and answer. Returning keeps the connection for its next request;
    /// `client.disconnect()` ends it.
    mutating func serve(_ client: inout BlockingClient)

    /// A client is about to be disconnected, for whatever reason. Default: nothing.
    mutating func clientLeft(_ id: ClientID)
}

extension BlockingStreamService where Self: ~Copyable {
    public mutating func clientArrived(_ client: inout BlockingClient) {}
    public mutating func clientLeft(_ id: ClientID) {}
}

/// A client to read from and write to. Every transfer waits for the client, `ipc_timeout` at most; one that fails
/// disconnects it as soon as the handler returns.
public struct BlockingClient: ~Copyable {
    public let client: Client
    private let input: DescriptorNumber
    private let output: DescriptorNumber
    private let limit: Int32
    private(set) var isOver = false

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
                case .bytes(let count): return count
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

    private mutating func failure(_ error: ServiceError) -> ServiceError {
        isOver = true
        return error
    }
}
