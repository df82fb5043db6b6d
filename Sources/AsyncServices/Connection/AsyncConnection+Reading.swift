//===----------------------------------------------------------------------===//
// Quartermaster: what a peer sends, for tasks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import ServerSkeleton

// MARK: for handlers

extension AsyncConnection {
    /// Waits until `parse` finds something whole at the front of the input, and returns that; nil when the peer has
    /// sent all that it will. `parse` looks at the input where it was received, and says what it found and how many
    /// bytes that took; nil means "not complete yet", and it is called again when there is more.
    ///
    ///     let length = try await connection.next { input in
    ///         input.byteCount < 2 ? nil : (Int(input.byte(at: 0)) << 8 | Int(input.byte(at: 1)), 2)
    ///     }
    ///
    /// - Parameter limit: how long this may take; nil: as long as it likes.
    /// - Throws: `ConnectionError`; `tooLong` when the input is full and nothing was found in it.
    @LoopActor public func next<Value>(
        within limit: Duration? = nil,
        _ parse: (RawSpan) throws -> (value: Value, size: Int)?
    ) async throws -> Value? {
        // A peer that sends a byte now and then has no more time than another.
        let deadline = limit.map { LoopClock.now.advanced(by: $0) }
        hasNewInput = true
        while true {
            if hasNewInput, inputCount > 0 {
                hasNewInput = false
                let count = inputCount
                if let (value, size) = try withInput(parse) {
                    precondition(size >= 0 && size <= count, "more bytes than there are")
                    // Who closes the connection while it looks has dropped them.
                    consume(min(size, inputCount))
                    return value
                }
                if isInputFull { throw ConnectionError.tooLong }
            }
            if inputHasEnded { return nil }
            try await waitForInput(until: deadline)
        }
    }

    /// The next line, without its end: LF or CR LF. Nil when there is none any more; a last line without an end is
    /// none.
    @LoopActor public func line(within limit: Duration? = nil) async throws -> String? {
        try await next(within: limit) { input in
            guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let isReturned = end > 0 && input.byte(at: end - 1) == UInt8(ascii: "\r")
            return (String(utf8: input.extracting(0..<(isReturned ? end - 1 : end))), end + 1)
        }
    }

    /// Whatever there is, at most `limit` bytes: at least one. Nil when there is nothing any more.
    @LoopActor public func read(upTo limit: Int = .max, within time: Duration? = nil) async throws -> [UInt8]? {
        precondition(limit > 0)
        return try await next(within: time) { input in
            let size = min(input.byteCount, limit)
            return (input.extracting(0..<size).array, size)
        }
    }

    @LoopActor func byte() async throws -> UInt8? { try await next { ($0.byte(at: 0), 1) } }

    /// Exactly `count` bytes, at most `AsyncService.maximumRequestSize`. Nil when the peer has ended before.
    @LoopActor public func read(exactly count: Int, within time: Duration? = nil) async throws -> [UInt8]? {
        try await next(within: time) { input in
            input.byteCount < count ? nil : (input.extracting(0..<count).array, count)
        }
    }

    /// Waits for the beginning of a request. False when none comes any more: the peer has ended, or the process is to
    /// end, which then has not to wait for clients that are connected and silent.
    ///
    ///     while try await connection.hasRequest() {
    ///         guard let line = try await connection.line() else { break }
    ///         …
    ///     }
    @LoopActor public func hasRequest(within limit: Duration? = nil) async throws -> Bool {
        let deadline = limit.map { LoopClock.now.advanced(by: $0) }
        while inputCount == 0 {
            if inputHasEnded || TaskLoop.shared.dismissesIdle { return false }
            readerIsIdle = true
            defer { readerIsIdle = false }
            try await waitForInput(until: deadline)
        }
        return true
    }

    @LoopActor private func waitForInput(until deadline: LoopClock.Instant?) async throws {
        if let end { throw end }
        precondition(reader == nil, "two tasks read from one connection")
        let wait = LoopExecutor.shared.waits.begin(until: deadline)
        reader = wait
        let why = await Waits.suspend(wait)
        reader = nil
        switch why {
        case .ready: if let end { throw end }
        case .timedOut: throw ConnectionError.timedOut
        case .cancelled: throw CancellationError()
        }
    }
}

// MARK: for the loop

extension AsyncConnection {
    var inputCount: Int { input.count - inputStart }

    /// Takes as much as there is room for.
    func take(_ bytes: RawSpan) -> Int {
        if input.isEmpty { input = TaskLoop.shared.takeBuffer() }
        let size = min(bytes.byteCount, room)
        if size > 0 {
            unsafe bytes.extracting(0..<size).withUnsafeBytes { unsafe input.append(contentsOf: $0) }
            hasNewInput = true
            wakeReader()
        }
        return size
    }

    func endInput() {
        inputHasEnded = true
        wakeReader()
    }

    func wakeReader() {
        if let reader { LoopExecutor.shared.waits.wake(reader, .ready) }
    }

    /// Bytes that the input has room for.
    private var room: Int {
        let size = TaskLoop.shared.bufferSize
        if inputStart > 0, input.count >= size {
            input.removeFirst(inputStart)
            inputStart = 0
        }
        return max(size - input.count, 0)
    }

    private var isInputFull: Bool { room == 0 }

    /// Lends what was received, and not dealt with, to `body`.
    private func withInput<Value>(_ body: (RawSpan) throws -> Value) rethrows -> Value {
        let bytes = input
        // Bytes have no gaps between them.
        return try body(unsafe bytes.span.bytes.extracting(inputStart...))
    }

    @LoopActor private func consume(_ size: Int) {
        inputStart += size
        if inputCount == 0 { dropInput() }
        if isPaused, size > 0, end == nil {
            isPaused = false
            withHandle { $0.resumeReading(id) }
        }
    }

    /// Gives the memory back.
    func dropInput() {
        inputStart = 0
        if input.isEmpty { return }
        var buffer: [UInt8] = []
        swap(&buffer, &input)
        TaskLoop.shared.giveBack(buffer)
    }
}
