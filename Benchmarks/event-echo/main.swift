//===----------------------------------------------------------------------===//
// Quartermaster: event-echo, what comes in goes back, as an event service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Only to be measured: what an event service costs beside the plain one, `echo`.
struct EventEcho: EventService {
    static let maximumReplySize = 32 * 1024

    init(_ context: inout ServiceContext) { context.refuseArguments() }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout EventHandle<Void>) -> Int {
        handle[to: client].append(input)
        return input.byteCount
    }
}

EventServer<EventEcho>.main()
