//===----------------------------------------------------------------------===//
// Quartermaster: one client on stdin and stdout
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import SystemCalls

extension StreamCore {
    @usableFromInline var oneShotClient: Client {
        Client(id: ClientID(index: 0, generation: 0), passAttributes: nil, descriptor: .standardInput)
    }

    private var pollMilliseconds: Int32 { Int32(clamping: circumstances.ipcTimeoutMilliseconds) }

    /// Waits for input. False at its end, or when none came in time.
    @usableFromInline mutating func receiveOneShot(_ input: inout InputBuffer) -> Bool {
        do throws(SystemError) {
            while try DescriptorNumber.standardInput.waitForInput(milliseconds: pollMilliseconds) {
                var result = Transfer.wouldBlock
                _ = try input.buffer.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
                    result = try DescriptorNumber.standardInput.read(into: &room)
                    if case .bytes(let count) = result { return count }
                    return 0
                }
                if result != .wouldBlock { return result != .endOfFile }
            }
        } catch {
            log.warning("read: \(error.reason)")
        }
        return false
    }

    /// Writes everything. False when that did not work, or the service has enough.
    @usableFromInline mutating func sendOneShot(_ reply: inout Reply) -> Bool {
        defer { reply.reset() }
        do throws(SystemError) {
            var sent = 0
            while sent < reply.count {
                let rest = reply.buffer.bytes.extracting(sent..<reply.count)
                if case .bytes(let count) = try DescriptorNumber.standardOutput.write(rest) {
                    sent += count
                } else if try !DescriptorNumber.standardOutput.waitForOutput(milliseconds: pollMilliseconds) {
                    return false
                }
            }
        } catch {
            log.warning("write: \(error.reason)")
            return false
        }
        return !reply.mustDisconnect && !reply.isOverfull
    }

    /// Keeps what is no whole request yet. False when it never will be.
    @usableFromInline mutating func keepOneShot(_ input: inout InputBuffer, done: Int) -> Bool {
        input.buffer.removeFirst(min(done, input.count))
        if input.count < input.maximumRequestSize { return true }
        log.warning("service \(circumstances.serviceName): request exceeds \(input.maximumRequestSize) bytes")
        return false
    }
}
