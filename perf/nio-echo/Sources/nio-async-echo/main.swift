//===----------------------------------------------------------------------===//
// Quartermaster: an echo server on SwiftNIO's async channels: what comes in goes back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import NIOCore
import NIOPosix

/// As SwiftNIO's own example: a task for each connection, which reads and writes through the async channel. Queue,
/// batch and buffer sizes are those of `nio-echo`.
func serve(host: String, port: Int, group: any EventLoopGroup) async throws {
    let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.maxMessagesPerRead, value: 64)
        .childChannelOption(.maxMessagesPerRead, value: 1)
        .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
        .bind(host: host, port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
    try await withThrowingDiscardingTaskGroup { tasks in
        try await channel.executeThenClose { clients in
            for try await client in clients {
                tasks.addTask { try? await echo(client) }
            }
        }
    }
}

func echo(_ client: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
    try await client.executeThenClose { inbound, outbound in
        for try await buffer in inbound { try await outbound.write(buffer) }
    }
}

/// `one-thread`: the event loop runs the tasks, too, which SwiftNIO has as an experiment. Otherwise one loop, and the
/// tasks on the threads of Swift's own pool, as it is by default.
let arguments = CommandLine.arguments
guard arguments.count >= 3, let port = Int(arguments[2]) else {
    fatalError("usage: nio-async-echo ADDRESS PORT [one-thread]")
}
NIOSingletons.groupLoopCountSuggestion = 1
if arguments.dropFirst(3).first == "one-thread" {
    guard NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor() else {
        fatalError("SwiftNIO's loop cannot run the tasks")
    }
}
try await serve(host: arguments[1], port: port, group: MultiThreadedEventLoopGroup.singleton)
