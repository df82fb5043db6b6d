//===----------------------------------------------------------------------===//
// Quartermaster: one client on standard input and output
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import SystemCalls

/// The client of a one-shot server (`-S`): bytes in and out by waiting for them, without an event loop.
@usableFromInline struct OneShotClient: ~Copyable {
    private let log: Log
    private let serviceName: String
    private let requestLimit: Int
    private let limitMilliseconds: Int32
    @usableFromInline let client: Client

    init(_ circumstances: Circumstances, requestLimit: Int) {
        log = circumstances.log
        serviceName = circumstances.serviceName
        self.requestLimit = requestLimit
        limitMilliseconds = Int32(clamping: circumstances.ipcTimeoutMilliseconds)
        client = .oneShot
    }

    /// Waits for input, until its end.
    @usableFromInline func receive(_ input: inout InputBuffer) -> Reception {
        do throws(SystemError) {
            while try DescriptorNumber.standardInput.waitForInput(milliseconds: limitMilliseconds) {
                switch try input.fill(from: .standardInput) {
                case .bytes: return .some
                case .endOfFile: return .ended
                case .wouldBlock: continue
                }
            }
        } catch {
            log.warning("read: \(error.reason)")
        }
        return .ended
    }

    /// Writes everything.
    @usableFromInline func send(_ reply: inout Reply) -> Settled {
        defer { reply.reset() }
        do throws(SystemError) {
            var sent = 0
            while sent < reply.count {
                let rest = reply.buffer.bytes.extracting(sent..<reply.count)
                if case .bytes(let count) = try DescriptorNumber.standardOutput.write(rest) {
                    sent += count
                } else if try !DescriptorNumber.standardOutput.waitForOutput(milliseconds: limitMilliseconds) {
                    return .leaves
                }
            }
        } catch {
            log.warning("write: \(error.reason)")
            return .leaves
        }
        return reply.mustDisconnect || reply.isOverfull ? .leaves : .stays
    }

    /// Keeps the beginning of a request.
    @usableFromInline func keepRest(of input: inout InputBuffer, after done: Int) -> Settled {
        input.buffer.removeFirst(min(done, input.count))
        if input.count < requestLimit { return .stays }
        log.warning("service \(serviceName): request exceeds \(requestLimit) bytes")
        return .leaves
    }
}

extension Client {
    static var oneShot: Client {
        Client(id: ClientID(index: 0, generation: 0), passAttributes: nil, descriptor: .standardInput)
    }
}
