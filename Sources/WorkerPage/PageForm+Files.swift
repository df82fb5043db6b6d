//===----------------------------------------------------------------------===//
// Quartermaster: the files of the pages in which processes count
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

extension PageForm {
    func isBegun(_ head: borrowing SharedMemory) -> Bool {
        head.word(at: Header.magic) == magic && head.word(at: Header.version) == version
    }

    /// The file, for a process that is to count in it. One that is no page, or has another length, is none.
    func open(_ path: String) throws(WorkerPageProblem) -> Descriptor {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readWrite, .noFollow, .nonBlocking]) }
        let facts = try calling { () throws(SystemError) in try file.number.facts() }
        try calling { () throws(SystemError) in try catchBusErrors() }
        guard facts.kind == .file, facts.size == UInt64(byteCount) else { throw .foreign }
        return file
    }

    /// Header and holders, for a process that is to count there.
    func head(_ file: DescriptorNumber) throws(WorkerPageProblem) -> SharedMemory {
        let head = try calling { () throws(SystemError) in try SharedMemory(mapping: file, byteCount: headSize) }
        guard isBegun(head) else { throw .foreign }
        return head
    }

    // MARK: readers

    /// The pauses between them grow by a millisecond each: master may have been made to wait in the middle of a move.
    private static var readAttempts: Int { 40 }

    /// Reads a page while it is being written, and takes nothing for granted: it may be cut off, foreign, or made to
    /// mislead. The file is never mapped, so that nothing can happen to the reader that read(2) would not tell.
    ///
    /// - Parameter decode: gets what reads up to so many bytes from a place on; returns what the page says, and the
    ///   header's number that changes while counts are moved.
    func read<Said>(
        _ path: String,
        _ decode: (_ read: (_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8]) throws(WorkerPageProblem)
            -> (Said, UInt64)
    ) throws(WorkerPageProblem) -> Said {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readOnly, .nonBlocking]) }
        let facts = try calling { () throws(SystemError) in try file.number.facts() }
        guard facts.kind == .file, facts.size == UInt64(byteCount) else { throw .foreign }
        let number = file.number
        func bytes(_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8] {
            try calling { () throws(SystemError) in try number.read(atMost: count, from: offset) }
        }
        for attempt in 0..<Self.readAttempts {
            if attempt > 0 { pause(milliseconds: UInt32(attempt)) }
            let (said, folding) = try decode(bytes)
            // Whether counts were moved while we read.
            if folding % 2 == 0, folding == (try bytes(0, Self.holdersOffset)).word(Header.folding) { return said }
        }
        throw .restless
    }
}

extension SharedMemory {
    func words(from start: Int, byteCount: Int) -> [UInt64] {
        stride(from: start, to: start + byteCount, by: 8).map { word(at: $0) }
    }

    /// Each word by itself.
    func publish(_ words: [UInt64], from start: Int) {
        for (index, word) in words.enumerated() { publish(word, at: start + index * 8) }
    }

    func clear(from start: Int, byteCount: Int) {
        for place in stride(from: start, to: start + byteCount, by: 8) { publish(0, at: place) }
    }
}
