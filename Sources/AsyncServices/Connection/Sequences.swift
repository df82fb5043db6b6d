//===----------------------------------------------------------------------===//
// Quartermaster: a connection's input as sequences
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

extension AsyncConnection {
    /// The lines that the peer sends, without their ends (LF or CR LF), until it sends no more.
    @LoopActor public var lines: Lines { Lines(connection: self, limit: nil) }

    /// The same for a peer that has to send each of them `within` some time.
    @LoopActor public func lines(within limit: Duration) -> Lines { Lines(connection: self, limit: limit) }

    /// What the peer sends, in pieces as they come in.
    @LoopActor public var chunks: Chunks { Chunks(connection: self) }

    /// What the peer sends, byte by byte. A call for each: convenient for what is short.
    @LoopActor public var bytes: Bytes { Bytes(connection: self) }

    /// Lines of a connection.
    public struct Lines: AsyncSequence, AsyncIteratorProtocol, Sendable {
        fileprivate let connection: AsyncConnection
        fileprivate let limit: Duration?

        public func makeAsyncIterator() -> Lines { self }

        public func next() async throws -> String? { try await connection.line(within: limit) }

        public func next(isolation actor: isolated (any Actor)?) async throws -> String? {
            try await connection.line(within: limit)
        }
    }

    /// Pieces of what a peer sends.
    public struct Chunks: AsyncSequence, AsyncIteratorProtocol, Sendable {
        fileprivate let connection: AsyncConnection

        public func makeAsyncIterator() -> Chunks { self }

        public func next() async throws -> [UInt8]? { try await connection.read() }

        public func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
            try await connection.read()
        }
    }

    /// Bytes that a peer sends.
    public struct Bytes: AsyncSequence, AsyncIteratorProtocol, Sendable {
        fileprivate let connection: AsyncConnection

        public func makeAsyncIterator() -> Bytes { self }

        public func next() async throws -> UInt8? { try await connection.byte() }

        public func next(isolation actor: isolated (any Actor)?) async throws -> UInt8? {
            try await connection.byte()
        }
    }
}
