//===----------------------------------------------------------------------===//
// Quartermaster: an echo server on SwiftNIO: what comes in goes back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import NIOCore
import NIOPosix

/// Writes back what was read and lets the buffer go.
final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(data, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// One event loop, as the daemons beside it have, and the sizes that they use: a queue of 1024 clients, up to 64 of
/// them taken at a wake-up, one read(2) at a wake-up of a client into 4096 bytes. SwiftNIO's own sizes would make it
/// read once more for every request, to find nothing.
func serve(host: String, port: Int) throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let channel = try ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.maxMessagesPerRead, value: 64)
        .childChannelOption(.maxMessagesPerRead, value: 1)
        .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
        }
        .bind(host: host, port: port)
        .wait()
    try channel.closeFuture.wait()
}

guard CommandLine.arguments.count == 3, let port = Int(CommandLine.arguments[2]) else {
    fatalError("usage: nio-echo ADDRESS PORT")
}
try serve(host: CommandLine.arguments[1], port: port)
