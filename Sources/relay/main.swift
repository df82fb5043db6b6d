//===----------------------------------------------------------------------===//
// Quartermaster: relay, connections passed on to servers behind
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

EventServer<Relay>.main()
