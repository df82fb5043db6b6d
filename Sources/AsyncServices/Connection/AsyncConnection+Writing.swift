//===----------------------------------------------------------------------===//
// Quartermaster: what goes to a peer, from tasks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import ServerSkeleton

// MARK: for handlers

extension AsyncConnection {
    /// Sends `text` as UTF-8; see `write(_ bytes:)`.
    @LoopActor public func write(_ text: String) async throws {
        var text = text
        let count = text.utf8.count
        let sent = try text.withUTF8 { try unsafe begin(UnsafeRawBufferPointer($0).bytes) }
        if sent < count { try await writeRest(Array(text.utf8), from: sent) }
    }

    /// Sends a copy of `bytes`. Returns when no more than `AsyncService.maximumPendingOutput` waits for the peer; that
    /// it has received them, it does not say. What is written until the handler waits for something goes out together.
    ///
    /// - Throws: `ConnectionError`: the peer is gone, or did not take anything for `ipc_timeout`.
    @LoopActor public func write(_ bytes: [UInt8]) async throws {
        // Bytes have no gaps between them.
        let sent = try unsafe begin(bytes.span.bytes)
        if sent < bytes.count { try await writeRest(bytes, from: sent) }
    }

    /// The same for bytes that are elsewhere. Those that there is no room for are copied once more.
    @LoopActor public func write(_ bytes: RawSpan) async throws {
        let sent = try begin(bytes)
        if sent == bytes.byteCount { return }
        let rest = bytes.extracting(sent...).array
        try await writeRest(rest, from: 0)
    }

    /// Waits until the kernel has everything that was written.
    @LoopActor public func flush() async throws {
        // What is collected goes out now.
        withHandle { _ = $0.sendPart(RawSpan(), to: id) }
        while end == nil, withHandle({ $0.pendingOutput(of: id) }) ?? 0 > 0 {
            let wait = LoopExecutor.shared.waits.begin(until: nil)
            flushers.append(wait)
            if await Waits.suspend(wait) == .cancelled {
                flushers.removeAll { $0 == wait }
                throw CancellationError()
            }
        }
        if let end { throw end }
    }

    /// Ends our direction once everything is sent: the peer reads an end of file, and may go on sending. Nothing can be
    /// written after it.
    @LoopActor public func finishOutput() {
        outputHasEnded = true
        withHandle { $0.finishOutput(id) }
    }

    /// Sends what there is room for, unless others are in the middle of it: how many bytes.
    @LoopActor private func begin(_ bytes: RawSpan) throws -> Int {
        if let end { throw end }
        if outputHasEnded { throw ConnectionError.closed }
        if isWriting { return 0 }
        return withHandle { handle in
            // Small pieces are collected, and go out together.
            guard bytes.byteCount <= Self.smallPiece else { return handle.sendPart(bytes, to: id) }
            return switch handle.send(bytes, to: id) {
            case .sent, .waits: bytes.byteCount
            case .full, .gone: handle.sendPart(bytes, to: id)
            }
        } ?? 0
    }

    static var smallPiece: Int { 4096 }

    @LoopActor private func writeRest(_ bytes: [UInt8], from start: Int) async throws {
        try await waitForTurn()
        defer { endTurn() }
        var sent = start
        while true {
            let rest = unsafe bytes.span.bytes.extracting(sent...)
            sent += withHandle { $0.sendPart(rest, to: id) } ?? 0
            if sent == bytes.count { return }
            if outputHasEnded { throw ConnectionError.closed }
            let wait = LoopExecutor.shared.waits.begin(until: nil)
            writer = wait
            let why = await Waits.suspend(wait)
            writer = nil
            if let end { throw end }
            if why == .cancelled { throw CancellationError() }
        }
    }

    /// One after the other, so that what each of them writes stays together.
    @LoopActor private func waitForTurn() async throws {
        if !isWriting { return isWriting = true }
        let wait = LoopExecutor.shared.waits.begin(until: nil)
        nextWriters.append(wait)
        let why = await Waits.suspend(wait)
        nextWriters.removeAll { $0 == wait }
        // One whose turn it is holds it.
        switch why {
        case .ready where end == nil: return
        case .ready: endTurn()
        case .timedOut, .cancelled: break
        }
        if let end { throw end }
        throw CancellationError()
    }

    @LoopActor private func endTurn() {
        isWriting = false
        while !nextWriters.isEmpty {
            if LoopExecutor.shared.waits.wake(nextWriters.removeFirst(), .ready) { return isWriting = true }
        }
    }
}

// MARK: for the loop

extension AsyncConnection {
    func hasRoom() {
        if let writer { LoopExecutor.shared.waits.wake(writer, .ready) }
        for flusher in flushers { LoopExecutor.shared.waits.wake(flusher, .ready) }
        flushers.removeAll(keepingCapacity: true)
    }
}
