//===----------------------------------------------------------------------===//
// Quartermaster: the spawn program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

SingleServer<Spawn>.main()
