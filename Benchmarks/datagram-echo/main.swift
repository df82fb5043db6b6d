//===----------------------------------------------------------------------===//
// Quartermaster: datagram-echo, each datagram goes back to its sender
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Only to be measured: what a datagram service costs that answers.
struct DatagramEcho: DatagramService {
    init(_ context: inout ServiceContext) { context.refuseArguments() }

    mutating func received(_ datagrams: inout Datagrams) {
        for index in datagrams.indices {
            datagrams.reply(to: index) { request, reply in reply.append(request) }
        }
    }
}

DatagramServer<DatagramEcho>.main()
