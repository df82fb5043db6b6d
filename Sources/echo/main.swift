//===----------------------------------------------------------------------===//
// Quartermaster: echo, the smallest service: what comes in goes back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Sends every client what it sent. Its line in master.cf:
///
///     7777  inet  n  -  n  -  -  echo
struct Echo: StreamService {
    init(_ context: inout ServiceContext) {
        context.refuseArguments()
    }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        reply.append(input)
        return input.byteCount
    }
}

StreamServer<Echo>.main()
