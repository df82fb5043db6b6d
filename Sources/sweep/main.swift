//===----------------------------------------------------------------------===//
// Quartermaster: the sweep program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

TriggerServer<Sweep>.main()
