//===----------------------------------------------------------------------===//
// Quartermaster: async-echo, what comes in goes back, as an async service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import ServerSkeleton

/// Only to be measured: what an async service costs beside the plain one, `echo`.
struct AsyncEcho: AsyncService {
    init(_ context: inout ServiceContext) { context.refuseArguments() }

    func serve(_ connection: AsyncConnection) async throws {
        for try await chunk in connection.chunks { try await connection.write(chunk) }
    }
}

AsyncServer<AsyncEcho>.main()
